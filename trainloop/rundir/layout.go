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

// maxFile bounds what is read of a file of a run directory, in bytes: the
// history of 100,000 epochs has some 15 MB. What reads it takes up to twenty
// times the memory.
const maxFile = 1 << 24

// Layout gives the paths of a run directory.
type Layout struct {
	// Dir is the run directory.
	Dir string
}

// Config is the resolved experiment.
func (l Layout) Config() string { return filepath.Join(l.Dir, "config.yaml") }

// Environment is what the run ran on.
func (l Layout) Environment() string { return filepath.Join(l.Dir, "environment.json") }

// History has a row for each finished epoch.
func (l Layout) History() string { return filepath.Join(l.Dir, "history.csv") }

// Layers has a row for each parameter of the network and each epoch that has a diagnosis.
func (l Layout) Layers() string { return filepath.Join(l.Dir, "layers.csv") }

// Checkpoints is the directory of what the run resumes from.
func (l Layout) Checkpoints() string { return filepath.Join(l.Dir, "checkpoints") }

// Model is the trained network for inference.
func (l Layout) Model() string { return filepath.Join(l.Dir, "model.onnx") }

// FineTuned is the model from outside that was trained, as it was given, with the parameters
// that it has now.
func (l Layout) FineTuned() string { return filepath.Join(l.Dir, "finetuned.onnx") }

// Summary makes the run complete.
func (l Layout) Summary() string { return filepath.Join(l.Dir, "summary.json") }

// Failure tells why the run failed.
func (l Layout) Failure() string { return filepath.Join(l.Dir, "failure.json") }

// Starts counts the starts of a cell by a scheduler since its last snapshot.
func (l Layout) Starts() string { return filepath.Join(l.Dir, "starts.json") }

// From is, in the directory of a sweep, the parameters that its cells begin with.
func (l Layout) From() string { return filepath.Join(l.Dir, "from.checkpoint") }

// Kind is what a directory holds.
type Kind string

// The kinds of directories.
const (
	Neither Kind = ""
	OfRun   Kind = "run"
	OfSweep Kind = "sweep"
)

// KindOf tells whether a run or a sweep has begun in dir. Both have a
// configuration, but a run has written its environment before.
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

// Complete tells whether the run in dir has ended well.
func Complete(dir string) bool { return exists(Layout{dir}.Summary()) }

// Keeps tells whether the file at path is one of those of a run, in its directory
// or among its checkpoints, or what a sweep trains its cells by. Where neither has
// begun, the names are anyone's.
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

// ReadConfig reads config.yaml of a run or sweep directory as it was resolved
// then: unlike configs.Load, it does not let the environment change it.
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

// badConfig names the path once, where the problem is one of the file's.
func badConfig(path string, err error) error {
	if wrong := (*configs.Error)(nil); errors.As(err, &wrong) && len(wrong.Problems) == 1 {
		if p := wrong.Problems[0]; p.Origin.Source == path {
			return &DataError{Path: path, Line: p.Origin.Line, Column: p.Origin.Column, Message: p.Message}
		}
	}
	return &DataError{Path: path, Message: err.Error()}
}
