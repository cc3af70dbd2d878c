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

// Key identifies a cell of a sweep: one run.
type Key struct {
	Condition string `json:"condition"`
	BatchSize int    `json:"batch_size"`
	Seed      uint64 `json:"seed"`
}

// Compare orders keys by condition, batch size and seed.
func (k Key) Compare(other Key) int {
	return cmp.Or(strings.Compare(k.Condition, other.Condition), cmp.Compare(k.BatchSize, other.BatchSize), cmp.Compare(k.Seed, other.Seed))
}

// CellDir returns the run directory of a cell in the sweep directory root. severalSeeds
// reports whether the sweep has more than one seed. If the run has begun, or has failed
// before it began, it keeps its directory, even if the sweep had one seed then and has
// several now, or the reverse.
func CellDir(root string, c Key, severalSeeds bool) string {
	alone := filepath.Join(root, c.Condition, strconv.Itoa(c.BatchSize))
	among := filepath.Join(alone, seedPrefix+strconv.FormatUint(c.Seed, 10))
	there, err := keyOf(alone)
	seedKnown := err == nil && !there.SeedUnknown
	switch {
	case err != nil && hasBegun(alone):
		return alone // the run will report what is damaged there
	case seedKnown && there.Seed == c.Seed:
		return alone
	case seedKnown, hasBegun(alone), severalSeeds, isRun(among):
		return among
	}
	return alone
}

const seedPrefix = "seed-"

// Run is a run directory that List found.
type Run struct {
	Dir string
	Key
	// SeedUnknown reports that neither the path nor a file contains the seed, for example
	// if there is only a history. Seed is 0 then.
	SeedUnknown bool
}

// List finds the runs in root, ordered by condition, batch size and seed: the runs of
// a sweep directory, or root itself if it is a run directory. It returns none if root
// is neither. It ignores other directories.
//
// The path of a run in a sweep says which cell it is. If the path lacks the seed, or if
// root is the run, config.yaml, summary.json or failure.json says it. It is an error if
// root cannot be read, or if one of these files is needed but damaged.
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
		run, err := keyOf(root)
		return []Run{run}, err
	}
	slices.SortFunc(runs, func(a, b Run) int { return a.Compare(b.Key) })
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
		found, err := listSeeds(filepath.Join(root, condition, batch), Key{Condition: condition, BatchSize: size})
		if err != nil {
			return nil, err
		}
		runs = append(runs, found...)
	}
	return runs, nil
}

// listSeeds finds the runs of one condition at one batch size: the run in dir itself,
// the runs in its seed-<n> directories, or both.
func listSeeds(dir string, c Key) ([]Run, error) {
	var runs []Run
	if isRun(dir) {
		alone, err := keyOf(dir)
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
			runs = append(runs, Run{Dir: path, Key: c})
		}
	}
	return runs, nil
}

// directories lists the names of the directories in dir, including symbolic links to
// directories.
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

// isRun reports whether a run has begun in dir, or failed before it began.
func isRun(dir string) bool { return hasBegun(dir) || exists(Layout{dir}.Failure()) }

// hasBegun reports whether a run has written its configuration, history or summary into
// dir.
func hasBegun(dir string) bool {
	l := Layout{dir}
	return slices.ContainsFunc([]string{l.Config(), l.History(), l.Summary()}, exists)
}

// keyOf finds out which cell the run in dir is, from its files, or else from the path.
func keyOf(dir string) (Run, error) {
	for _, keyOfFile := range []func(dir string) (*Key, error){keyOfConfig, keyOfSummary, keyOfFailure} {
		c, err := keyOfFile(dir)
		if errors.Is(err, fs.ErrNotExist) || err == nil && c == nil {
			continue
		}
		if err != nil {
			return Run{Dir: dir}, err
		}
		return Run{Dir: dir, Key: *c}, nil
	}
	return keyOfPath(dir)
}

// keyOfConfig reads the cell from config.yaml. The sweep in the file of a cell has only
// this cell.
func keyOfConfig(dir string) (*Key, error) {
	e, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	c := Key{BatchSize: e.Train.BatchSize, Seed: e.Seed}
	if len(e.Sweep.Conditions) == 1 {
		c.Condition = e.Sweep.Conditions[0]
	}
	return &c, nil
}

func keyOfSummary(dir string) (*Key, error) {
	s, err := ReadSummary(dir)
	if err != nil {
		return nil, err
	}
	return &Key{s.Condition, s.BatchSize, s.Seed}, checkCondition(Layout{dir}.Summary(), s.Condition)
}

// keyOfFailure returns nil if failure.json does not name the cell.
func keyOfFailure(dir string) (*Key, error) {
	f, err := ReadFailure(dir)
	if err != nil || f.Cell == nil {
		return nil, err
	}
	return f.Cell, checkCondition(Layout{dir}.Failure(), f.Cell.Condition)
}

// checkCondition returns an error if the condition in the file at path cannot be the
// name of a folder, since the report makes file names of it.
func checkCondition(path, condition string) error {
	if strings.ContainsFunc(condition, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) }) {
		return &DataError{Path: path, Message: fmt.Sprintf("condition %q is not the name of a folder", condition)}
	}
	return nil
}

// keyOfPath is the inverse of CellDir, for run directories with only a history. For a
// path that is not one of CellDir's, the cell is zero.
func keyOfPath(dir string) (Run, error) {
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
