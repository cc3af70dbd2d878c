package rundir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"onnxlab/configs"
	"onnxlab/internal/durable"
)

// maxFile is the largest size of a file of a run directory that is read, in bytes. The
// history of 100,000 epochs has about 15 MB, and reading it takes up to twenty times
// that memory.
const maxFile = 1 << 24

// Layout returns the paths of the files in a run directory.
type Layout struct {
	// Dir is the run directory.
	Dir string
}

// Config is the path of the resolved experiment.
func (l Layout) Config() string { return filepath.Join(l.Dir, "config.yaml") }

// Environment is the path of the description of software, machine and data.
func (l Layout) Environment() string { return filepath.Join(l.Dir, "environment.json") }

// History is the path of the file with one row for each finished epoch.
func (l Layout) History() string { return filepath.Join(l.Dir, "history.csv") }

// Layers is the path of the file with one row for each parameter of the network and each epoch
// with a diagnosis.
func (l Layout) Layers() string { return filepath.Join(l.Dir, "layers.csv") }

// Checkpoints is the directory of the snapshots from which the run resumes.
func (l Layout) Checkpoints() string { return filepath.Join(l.Dir, "checkpoints") }

// Model is the path of the trained network for inference.
func (l Layout) Model() string { return filepath.Join(l.Dir, "model.onnx") }

// FineTuned is the path of the given model with its trained parameters. Otherwise it is
// as the user supplied it.
func (l Layout) FineTuned() string { return filepath.Join(l.Dir, "finetuned.onnx") }

// Summary is the path of the results. A run is complete if this file exists.
func (l Layout) Summary() string { return filepath.Join(l.Dir, "summary.json") }

// Failure is the path of the file that says why the run failed.
func (l Layout) Failure() string { return filepath.Join(l.Dir, "failure.json") }

// Starts is the path of the file that counts how often a scheduler has started a cell since
// its last snapshot.
func (l Layout) Starts() string { return filepath.Join(l.Dir, "starts.json") }

// From is the path, in the directory of a sweep, of the parameters with which its cells
// begin.
func (l Layout) From() string { return filepath.Join(l.Dir, "from.checkpoint") }

// Kind says whether a directory is that of a run or of a sweep.
type Kind string

// The kinds of directories.
const (
	Neither Kind = ""
	OfRun   Kind = "run"
	OfSweep Kind = "sweep"
)

// KindOf reports whether a run or a sweep has begun in dir. Both write config.yaml, but
// a run writes environment.json before.
func KindOf(dir string) Kind {
	l := Layout{dir}
	switch {
	case !exists(l.Config()):
		return Neither
	case exists(l.Environment()):
		return OfRun
	}
	return OfSweep
}

// Complete reports whether the run in dir has ended successfully.
func Complete(dir string) bool { return exists(Layout{dir}.Summary()) }

// Keeps reports whether the file at path belongs to a run that has begun, as one of its
// files or checkpoints, or to a sweep that has begun, as its config.yaml or
// from.checkpoint.
func Keeps(path string) bool {
	path, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	for ; path != filepath.Dir(path); path = filepath.Dir(path) {
		l := Layout{filepath.Dir(path)}
		own := []string{l.Config(), l.Environment(), l.History(), l.Layers(), l.Checkpoints(), l.Model(), l.FineTuned(), l.Summary(), l.Failure()}
		kind := KindOf(l.Dir)
		if kind == OfRun && slices.Contains(own, path) || kind == OfSweep && (path == l.Config() || path == l.From()) {
			return true
		}
	}
	return false
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// ReadConfig reads config.yaml of a run or sweep directory as it was written. Unlike
// with configs.Load, the environment does not change it.
func ReadConfig(dir string) (configs.Experiment, error) {
	path := Layout{dir}.Config()
	file, err := durable.OpenPlain(path)
	if err != nil {
		return configs.Experiment{}, fmt.Errorf("read configuration: %w", err)
	}
	defer file.Close()
	e, err := configs.Read(path)
	if err != nil {
		return configs.Experiment{}, badConfig(path, err)
	}
	return *e, nil
}

// WriteConfig writes config.yaml of a run directory. Its relative paths stay valid in other
// working folders.
func WriteConfig(dir string, e configs.Experiment) error {
	return writeConfig(dir, e, configs.MarshalIn)
}

// WriteSweepConfig is WriteConfig for a sweep directory.
func WriteSweepConfig(dir string, e configs.Experiment) error {
	return writeConfig(dir, e, configs.MarshalSweepIn)
}

func writeConfig(dir string, e configs.Experiment, marshal func(string, configs.Experiment) ([]byte, error)) error {
	text, err := marshal(dir, e)
	if err != nil {
		return err
	}
	return durable.WriteBytes(Layout{dir}.Config(), text)
}

// badConfig turns an error of configs into a *DataError. It makes sure that the message
// does not name the path twice.
func badConfig(path string, err error) error {
	if wrong := (*configs.Error)(nil); errors.As(err, &wrong) && len(wrong.Problems) == 1 {
		if p := wrong.Problems[0]; p.Origin.Source == path {
			return &DataError{Path: path, Line: p.Origin.Line, Column: p.Origin.Column, Message: p.Message}
		}
	}
	return &DataError{Path: path, Message: err.Error()}
}
