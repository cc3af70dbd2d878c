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

// NoRunsError is the error for a directory without runs.
type NoRunsError struct{ Dir string }

// Error also says which directories have runs.
func (e *NoRunsError) Error() string {
	return fmt.Sprintf("no runs in %q: give the directory of 'pipeline train --out' or 'pipeline sweep --out'", e.Dir)
}

// State is the progress of a run.
type State string

// The states of a run.
const (
	Done    State = "done"
	Running State = "unfinished"
	Failed  State = "failed"
	Missing State = "missing"
)

// Run is one run, with the contents of its directory.
type Run struct {
	rundir.Key
	// seedUnknown reports that no file of the run contains its seed. place then guesses
	// the seed, and resets it.
	seedUnknown bool
	// Dir is empty for a Missing run.
	Dir     string
	State   State
	History []rundir.Epoch
	// Layers has the rows of layers.csv, for epochs with a diagnosis.
	Layers []rundir.Layer
	// Epochs is the planned number of epochs, even if the run stopped early.
	Epochs int
	// Failure says in one line why the run failed.
	Failure string
	// Summary, Environment and Config are nil if there is no such file.
	Summary     *rundir.Summary
	Environment *rundir.Environment
	Config      *configs.Experiment
}

// Last returns the last finished epoch, or a zero Epoch if there is none.
func (r *Run) Last() rundir.Epoch {
	if len(r.History) == 0 {
		return rundir.Epoch{}
	}
	return r.History[len(r.History)-1]
}

// Sweep is a set of runs: every condition at every batch size with every seed.
type Sweep struct {
	// Dir is the path that was given to Load.
	Dir string
	// Name is the name of the experiment, or else of the directory.
	Name       string
	Conditions []string
	BatchSizes []int
	Seeds      []uint64
	// Runs has one run for each cell, including missing ones, sorted by condition, batch
	// size and seed in the order of the lists above.
	Runs []Run
	// Config is the experiment of the sweep, or else of its first run; nil if neither
	// has a config.yaml.
	Config *configs.Experiment

	// alone reports that Dir is the directory of a single run, not of a sweep.
	alone bool
	// reload is the time after which the page asks the browser to load it again; 0 for
	// never.
	reload time.Duration
}

// Load reads the runs in dir, which is a sweep directory or a run directory. The cells of
// a sweep are all combinations of the conditions, batch sizes and seeds that its
// config.yaml plans or that a run has. Cells without a directory are Missing. If there are
// no runs, the error is a *NoRunsError; if a file is damaged, it is a *rundir.DataError.
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
	if s.Config == nil { // then there are runs, since nothing else makes cells
		s.Config = s.Runs[slices.IndexFunc(s.Runs, func(r Run) bool { return r.State != Missing })].Config
	}
	if s.Name, err = name(s.Config, dir); err != nil {
		return nil, err
	}
	return s, nil
}

// onlyPlanned reports whether dir has the configuration of a sweep but no run yet.
func onlyPlanned(dir string) bool {
	l := rundir.Layout{Dir: dir}
	return rundir.KindOf(dir) == rundir.OfSweep &&
		!slices.ContainsFunc([]string{l.History(), l.Summary(), l.Failure()}, func(path string) bool {
			_, err := os.Stat(path)
			return err == nil
		})
}

// name returns the name of the experiment, or else the last element of the directory's
// path.
func name(config *configs.Experiment, dir string) (string, error) {
	if config != nil && config.Name != "" {
		return config.Name, nil
	}
	path, err := filepath.Abs(dir)
	return filepath.Base(path), err
}

// nameAlone returns a name for the condition of a single run without one: the last
// element of the experiment's name, since file names are made of it.
func nameAlone(r *Run) (string, error) {
	name, err := name(r.Config, r.Dir)
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	return cmp.Or(name, "run"), err
}

// optional returns nil without an error if the file does not exist.
func optional[T any](v T, err error) (*T, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// loadRun reads a run directory. settle sets the state later.
func loadRun(f rundir.Run) (Run, error) {
	r := Run{Key: f.Key, seedUnknown: f.SeedUnknown, Dir: f.Dir}
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

// settle sets the state and the planned epochs. longest is the largest number of epochs in
// the sweep. A run that has only a history is Done if it has that many epochs.
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

// one reports whether there is only a single run, so that there is nothing to compare.
func (s *Sweep) one() bool { return len(s.Runs) == 1 }

// cell returns the runs of a condition at a batch size, one for each seed.
func (s *Sweep) cell(condition string, batch int) []Run {
	for i := range s.Runs {
		if s.Runs[i].Condition == condition && s.Runs[i].BatchSize == batch {
			return s.Runs[i : i+len(s.Seeds)]
		}
	}
	return nil
}
