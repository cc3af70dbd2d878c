package rundir

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Cell is one run of a sweep.
type Cell struct {
	Condition string `json:"condition"`
	BatchSize int    `json:"batch_size"`
	Seed      uint64 `json:"seed"`
}

// Compare orders cells by condition, batch size and seed.
func (c Cell) Compare(d Cell) int {
	return cmp.Or(strings.Compare(c.Condition, d.Condition), cmp.Compare(c.BatchSize, d.BatchSize), cmp.Compare(c.Seed, d.Seed))
}

// CellDir is the run directory of a cell in the sweep directory root.
// severalSeeds is whether the sweep has more than one. A run that began when the
// sweep had one seed stays where it is when it has several, and the reverse. So
// does one that failed before it began.
func CellDir(root string, c Cell, severalSeeds bool) string {
	alone := filepath.Join(root, c.Condition, strconv.Itoa(c.BatchSize))
	among := filepath.Join(alone, seedPrefix+strconv.FormatUint(c.Seed, 10))
	there, err := cellOf(alone)
	told := err == nil && !there.SeedUnknown
	switch {
	case err != nil && hasBegun(alone):
		return alone // where the run will say what is damaged
	case told && there.Seed == c.Seed:
		return alone
	case told, hasBegun(alone), severalSeeds, isRun(among):
		return among
	}
	return alone
}

const seedPrefix = "seed-"

// Run is a run directory that List found.
type Run struct {
	Dir string
	Cell
	// SeedUnknown is set when neither the path nor a file tells the seed, which
	// is 0 then. A history that was kept alone is such a run.
	SeedUnknown bool
}

// List finds the runs in root, ordered by condition, batch size and seed:
// those of a sweep directory, or root itself if it is a run directory. It
// returns none if root is neither. Other directories are passed over.
//
// The cell of a run in a sweep is told by its path; what the path does not
// tell, and the cell of root, by config.yaml, summary.json or failure.json. An
// error is a root that cannot be read, or a damaged file that had to be asked.
func List(root string) ([]Run, error) {
	conditions, err := directories(root)
	if err != nil {
		return nil, err
	}
	var runs []Run
	for _, condition := range conditions {
		found, err := listCondition(root, condition)
		if err != nil {
			return nil, err
		}
		runs = append(runs, found...)
	}
	if len(runs) == 0 && isRun(root) {
		run, err := cellOf(root)
		return []Run{run}, err
	}
	slices.SortFunc(runs, func(a, b Run) int { return a.Compare(b.Cell) })
	return runs, nil
}

func listCondition(root, condition string) ([]Run, error) {
	batches, err := directories(filepath.Join(root, condition))
	if err != nil {
		return nil, err
	}
	var runs []Run
	for _, batch := range batches {
		size, err := strconv.Atoi(batch)
		if err != nil || size < 1 {
			continue
		}
		found, err := listSeeds(filepath.Join(root, condition, batch), Cell{Condition: condition, BatchSize: size})
		if err != nil {
			return nil, err
		}
		runs = append(runs, found...)
	}
	return runs, nil
}

// listSeeds finds the runs of one condition at one batch size: that of the only
// seed, those of further ones, or both.
func listSeeds(dir string, c Cell) ([]Run, error) {
	var runs []Run
	if isRun(dir) {
		alone, err := cellOf(dir)
		if err != nil {
			return nil, err
		}
		alone.Condition, alone.BatchSize = c.Condition, c.BatchSize
		runs = append(runs, alone)
	}
	seeds, err := directories(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range seeds {
		digits, named := strings.CutPrefix(name, seedPrefix)
		seed, err := strconv.ParseUint(digits, 10, 64)
		known := len(runs) > 0 && !runs[0].SeedUnknown && runs[0].Seed == seed
		if path := filepath.Join(dir, name); named && err == nil && !known && isRun(path) {
			c.Seed = seed
			runs = append(runs, Run{Dir: path, Cell: c})
		}
	}
	return runs, nil
}

// directories lists the names of the directories in dir, symbolic links to
// directories among them.
func directories(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, entry.Name())); err == nil && info.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// isRun tells whether a run has begun in dir, or failed before it began.
func isRun(dir string) bool { return hasBegun(dir) || exists(Layout{dir}.Failure()) }

// hasBegun tells whether a run has written anything of its own into dir.
func hasBegun(dir string) bool {
	l := Layout{dir}
	return slices.ContainsFunc([]string{l.Config(), l.History(), l.Summary()}, exists)
}

// cellOf asks the files of a run directory which cell it is, and the path where
// they do not tell.
func cellOf(dir string) (Run, error) {
	for _, ask := range []func(dir string) (*Cell, error){cellOfConfig, cellOfSummary, cellOfFailure} {
		c, err := ask(dir)
		if errors.Is(err, fs.ErrNotExist) || err == nil && c == nil {
			continue
		}
		if err != nil {
			return Run{Dir: dir}, err
		}
		return Run{Dir: dir, Cell: *c}, nil
	}
	return cellOfPath(dir)
}

// cellOfConfig reads config.yaml: that of a cell has the cell itself as its
// sweep.
func cellOfConfig(dir string) (*Cell, error) {
	e, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	c := Cell{BatchSize: e.Train.BatchSize, Seed: e.Seed}
	if len(e.Sweep.Conditions) == 1 {
		c.Condition = e.Sweep.Conditions[0]
	}
	return &c, nil
}

func cellOfSummary(dir string) (*Cell, error) {
	s, err := ReadSummary(dir)
	if err != nil {
		return nil, err
	}
	return &Cell{s.Condition, s.BatchSize, s.Seed}, checkCondition(Layout{dir}.Summary(), s.Condition)
}

// cellOfFailure gives nil where the mark does not tell the cell.
func cellOfFailure(dir string) (*Cell, error) {
	f, err := ReadFailure(dir)
	if err != nil || f.Cell == nil {
		return nil, err
	}
	return f.Cell, checkCondition(Layout{dir}.Failure(), f.Cell.Condition)
}

// checkCondition refuses a condition in the file at path that could not be the
// name of a folder: it becomes part of the report's file names.
func checkCondition(path, condition string) error {
	if strings.ContainsFunc(condition, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) }) {
		return &DataError{Path: path, Message: fmt.Sprintf("condition %q is not the name of a folder", condition)}
	}
	return nil
}

// cellOfPath is the inverse of CellDir, for a history that was kept alone. A
// path that is not of a sweep gives no cell.
func cellOfPath(dir string) (Run, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return Run{}, err
	}
	unknown := Run{Dir: dir, SeedUnknown: true}
	r := unknown
	if digits, named := strings.CutPrefix(filepath.Base(path), seedPrefix); named {
		if r.Seed, err = strconv.ParseUint(digits, 10, 64); err != nil {
			return unknown, nil
		}
		r.SeedUnknown = false
		path = filepath.Dir(path)
	}
	if r.BatchSize, err = strconv.Atoi(filepath.Base(path)); err != nil || r.BatchSize < 1 {
		return unknown, nil
	}
	r.Condition = filepath.Base(filepath.Dir(path))
	return r, nil
}
