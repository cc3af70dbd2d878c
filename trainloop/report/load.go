package report

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// NoRunsError is a directory without runs.
type NoRunsError struct{ Dir string }

// Error says what the directory should have held.
func (e *NoRunsError) Error() string {
	return fmt.Sprintf("no runs in %q: give the directory of 'pipeline train --out' or 'pipeline sweep --out'", e.Dir)
}

// State is how far a run has come.
type State string

// The states of a run.
const (
	Done    State = "done"
	Running State = "unfinished"
	Failed  State = "failed"
	Missing State = "missing"
)

// Run is one run and what its directory says about it.
type Run struct {
	rundir.Cell
	// seedUnknown is set until place has found the seed of a run that does not
	// tell its own.
	seedUnknown bool
	// Dir is empty for a run that is missing.
	Dir     string
	State   State
	History []rundir.Epoch
	// Layers are those of layers.csv, of epochs with a diagnosis.
	Layers []rundir.Layer
	// Epochs is how many the run was to have, also where it stopped early.
	Epochs int
	// Failure is why it failed, in one line.
	Failure string
	// Summary, Environment and Config are nil where the file is not there.
	Summary     *rundir.Summary
	Environment *rundir.Environment
	Config      *configs.Experiment
}

// Last is the last finished epoch; zero if there is none.
func (r *Run) Last() rundir.Epoch {
	if len(r.History) == 0 {
		return rundir.Epoch{}
	}
	return r.History[len(r.History)-1]
}

// Sweep is a set of runs: every condition at every batch size with every seed.
type Sweep struct {
	// Dir is the directory as it was given to Load.
	Dir string
	// Name is the experiment's, or that of the directory.
	Name       string
	Conditions []string
	BatchSizes []int
	Seeds      []uint64
	// Runs has one for each cell, missing ones too, by condition, batch size
	// and seed in the order of the lists above.
	Runs []Run
	// Config is the experiment: the sweep's, or else that of its first run;
	// nil where neither is kept.
	Config *configs.Experiment

	// alone is set for the directory of a run, not of a sweep.
	alone bool
	// reload is after how long the page asks the browser to read it again; 0 for never.
	reload time.Duration
}

// Load reads the runs in dir, a sweep directory or a run directory. Cells that
// the config.yaml of a sweep directory plans, or that other cells lead one to
// expect, are Missing when they have no directory. A directory without runs is
// a *NoRunsError, a damaged file a *rundir.DataError.
func Load(dir string) (*Sweep, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, &NoRunsError{dir}
	}
	found, err := rundir.List(dir)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &NoRunsError{dir}
	}
	s := &Sweep{Dir: dir, alone: len(found) == 1 && found[0].Dir == dir}
	if s.alone && onlyPlanned(dir) {
		s.alone, found = false, nil
	}
	if !s.alone {
		if s.Config, err = optional(rundir.ReadConfig(dir)); err != nil {
			return nil, err
		}
	}
	runs := make([]Run, len(found))
	for i, f := range found {
		if runs[i], err = loadRun(f); err != nil {
			return nil, err
		}
	}
	if s.alone && runs[0].Condition == "" {
		if runs[0].Condition, err = nameAlone(&runs[0]); err != nil {
			return nil, err
		}
	}
	s.place(runs)
	if s.Config == nil { // so runs were found
		s.Config = s.Runs[slices.IndexFunc(s.Runs, func(r Run) bool { return r.State != Missing })].Config
	}
	if s.Name, err = name(s.Config, dir); err != nil {
		return nil, err
	}
	return s, nil
}

// onlyPlanned tells whether dir has the configuration of a sweep and nothing else yet.
func onlyPlanned(dir string) bool {
	l := rundir.Layout{Dir: dir}
	return rundir.KindOf(dir) == rundir.OfSweep &&
		!slices.ContainsFunc([]string{l.History(), l.Summary(), l.Failure()}, func(path string) bool {
			_, err := os.Stat(path)
			return err == nil
		})
}

// name is the experiment's, or the last element of the directory's path.
func name(config *configs.Experiment, dir string) (string, error) {
	if config != nil && config.Name != "" {
		return config.Name, nil
	}
	path, err := filepath.Abs(dir)
	return filepath.Base(path), err
}

// nameAlone is what takes the place of a condition's name where a run was trained
// without one: the experiment's, which can be a path, and which names files here.
func nameAlone(r *Run) (string, error) {
	name, err := name(r.Config, r.Dir)
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	return cmp.Or(name, "run"), err
}

// optional makes nil of a file that is not there.
func optional[T any](v T, err error) (*T, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// loadRun reads a run directory. Its state is settled by settle.
func loadRun(f rundir.Run) (Run, error) {
	r := Run{Cell: f.Cell, seedUnknown: f.SeedUnknown, Dir: f.Dir}
	history, err := optional(rundir.ReadHistory(rundir.Layout{Dir: f.Dir}.History()))
	if err != nil {
		return r, err
	}
	if history != nil {
		r.History = *history
	}
	if r.Layers, err = rundir.ReadLayers(rundir.Layout{Dir: f.Dir}.Layers()); err != nil {
		return r, err
	}
	failure, err := optional(rundir.ReadFailure(f.Dir))
	if err != nil {
		return r, err
	}
	if failure != nil {
		r.State = Failed
		r.Failure, _, _ = strings.Cut(failure.Error, "\n")
	}
	if r.Summary, err = optional(rundir.ReadSummary(f.Dir)); err != nil {
		return r, err
	}
	if r.Summary != nil && len(r.History) == 0 {
		return r, &rundir.DataError{
			Path:    rundir.Layout{Dir: f.Dir}.History(),
			Message: "no epochs, though summary.json says that the run is complete",
		}
	}
	if r.Environment, err = optional(rundir.ReadEnvironment(f.Dir)); err != nil {
		return r, err
	}
	r.Config, err = optional(rundir.ReadConfig(f.Dir))
	return r, err
}

// settle decides the state. A run without summary or configuration, of which
// only the history was kept, is done when it is as long as the sweep's longest.
func (r *Run) settle(longest int) {
	r.Epochs = longest
	if r.Config != nil && r.Config.Train.Epochs > 0 {
		r.Epochs = r.Config.Train.Epochs
	}
	switch {
	case r.State == Missing:
	case r.Summary != nil && r.Summary.Status == rundir.StatusDone:
		r.State, r.Failure = Done, ""
		if r.Summary.StoppedEpoch == nil {
			r.Epochs = len(r.History)
		}
	case r.Summary != nil:
		r.State, r.Failure = Failed, cmp.Or(r.Failure, r.Summary.Status)
	case r.State == Failed:
	case len(r.History) > 0 && len(r.History) >= r.Epochs:
		r.State = Done
	default:
		r.State = Running
	}
}

// one tells whether there is a single run, which needs no comparison.
func (s *Sweep) one() bool { return len(s.Runs) == 1 }

// cell gives the runs of a condition at a batch size, one for each seed.
func (s *Sweep) cell(condition string, batch int) []Run {
	for i := range s.Runs {
		if s.Runs[i].Condition == condition && s.Runs[i].BatchSize == batch {
			return s.Runs[i : i+len(s.Seeds)]
		}
	}
	return nil
}
