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
	Condition string
	BatchSize int
	Seed      uint64
}

// Compare orders cells by condition, batch size and seed.
func (c Cell) Compare(d Cell) int {
	return cmp.Or(strings.Compare(c.Condition, d.Condition), cmp.Compare(c.BatchSize, d.BatchSize), cmp.Compare(c.Seed, d.Seed))
}

// CellDir is the run directory of a cell in the sweep directory root.
// severalSeeds is whether the sweep has more than one. A run that began when the
// sweep had one seed stays where it is when it has several, and the reverse.
func CellDir(root string, c Cell, severalSeeds bool) string {
	alone := filepath.Join(root, c.Condition, strconv.Itoa(c.BatchSize))
	among := filepath.Join(alone, seedPrefix+strconv.FormatUint(c.Seed, 10))
	if isRun(alone) {
		if began, err := cellOf(alone); err != nil || began.Seed == c.Seed {
			return alone
		}
		return among
	}
	if severalSeeds || isRun(among) {
		return among
	}
	return alone
}

const seedPrefix = "seed-"

// Run is a run directory that List found.
type Run struct {
	Dir string
	Cell
}

// List finds the runs in root, ordered by condition, batch size and seed:
// those of a sweep directory, or root itself if it is a run directory. It
// returns none if root is neither. Other directories are passed over.
//
// The cell of a run in a sweep is told by its path; what the path does not
// tell, and the cell of root, by config.yaml or summary.json. An error is a root
// that cannot be read, or a damaged file that had to be asked.
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
		cell, err := cellOf(root)
		return []Run{{root, cell}}, err
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
		told, err := cellOf(dir)
		if err != nil {
			return nil, err
		}
		c.Seed = told.Seed
		runs = append(runs, Run{dir, c})
	}
	seeds, err := directories(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range seeds {
		digits, named := strings.CutPrefix(name, seedPrefix)
		seed, err := strconv.ParseUint(digits, 10, 64)
		known := len(runs) > 0 && runs[0].Seed == seed
		if path := filepath.Join(dir, name); named && err == nil && !known && isRun(path) {
			c.Seed = seed
			runs = append(runs, Run{path, c})
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

// isRun tells whether a run has begun in dir.
func isRun(dir string) bool {
	l := Layout{dir}
	return slices.ContainsFunc([]string{l.Config(), l.History(), l.Summary(), l.Failure()}, exists)
}

// cellOf asks the files of a run directory which cell it is. The configuration
// of a cell has itself as its sweep.
func cellOf(dir string) (Cell, error) {
	e, err := ReadConfig(dir)
	if err == nil {
		c := Cell{BatchSize: e.Train.BatchSize, Seed: e.Seed}
		if len(e.Sweep.Conditions) == 1 {
			c.Condition = e.Sweep.Conditions[0]
		}
		return c, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Cell{}, err
	}
	s, err := ReadSummary(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return cellOfPath(dir)
	}
	if strings.ContainsFunc(s.Condition, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) }) {
		// It becomes part of the report's file names.
		return Cell{}, &DataError{Path: Layout{dir}.Summary(), Message: fmt.Sprintf("condition %q is not the name of a folder", s.Condition)}
	}
	return Cell{Condition: s.Condition, BatchSize: s.BatchSize, Seed: s.Seed}, err
}

// cellOfPath is the inverse of CellDir, for a history that was kept alone. A
// path that is not of a sweep gives no cell.
func cellOfPath(dir string) (Cell, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return Cell{}, err
	}
	var c Cell
	if digits, named := strings.CutPrefix(filepath.Base(path), seedPrefix); named {
		if c.Seed, err = strconv.ParseUint(digits, 10, 64); err != nil {
			return Cell{}, nil
		}
		path = filepath.Dir(path)
	}
	if c.BatchSize, err = strconv.Atoi(filepath.Base(path)); err != nil || c.BatchSize < 1 {
		return Cell{}, nil
	}
	c.Condition = filepath.Base(filepath.Dir(path))
	return c, nil
}
