package cli

import (
	"fmt"
	"os"

	"onnxlab/configs"
	"onnxlab/internal/printable"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// checkRun returns an error if dir is not the directory of a run.
func checkRun(dir string) error {
	layout := rundir.Layout{Dir: dir}
	if _, err := os.Stat(layout.Config()); err != nil {
		return fmt.Errorf("%q is not a run directory: %w", dir, err)
	}
	if _, err := os.Stat(layout.Environment()); err != nil {
		return fmt.Errorf("%q is not a run directory: %w (for a sweep, give one of its runs: <condition>/<batch size>)", dir, err)
	}
	return nil
}

// ExplainMissing explains why dir lacks a file that complete runs have: the run in it has
// not ended, or dir is not a run. cause is the error of opening the file.
func ExplainMissing(dir string, cause error) error {
	if err := checkRun(dir); err != nil {
		return err
	}
	return fmt.Errorf("the run %q is not complete: %w (resume it: pipeline train --out %s --resume)", dir, cause, printable.ShellWord(dir))
}

// TrainedModel makes an inference model from the best or the latest checkpoint of a run, with
// the names of its classes, and returns the path of its snapshot too.
func TrainedModel(dir string, best bool, o onnxmodels.InferenceOptions) (*modelfile.Model, string, error) {
	t, err := ReadTrained(dir, best)
	if err != nil {
		return nil, "", err
	}
	m, err := t.Model(o)
	return m, t.Path, err
}

// Trained is the result of a run: a network with its parameters, the path of the snapshot
// that they come from, and the names of the classes.
type Trained struct {
	network *onnxmodels.Network
	state   *checkpoint.Checkpoint
	Path    string
	classes []string
}

// ReadTrained reads the best or the latest checkpoint of a run.
func ReadTrained(dir string, best bool) (t Trained, err error) {
	experiment, data, path, err := ReadRun(dir, best)
	if err != nil {
		return t, BadData(err)
	}
	t.Path, t.classes = path, data.Classes
	if t.network, err = trainloop.Network(experiment, data.Height, data.Width); err != nil {
		return t, BadData(err)
	}
	if t.state, err = snapshot.Parameters(t.Path); err != nil {
		return t, BadData(err)
	}
	return t, nil
}

// Model makes an inference model from it.
func (t Trained) Model(o onnxmodels.InferenceOptions) (*modelfile.Model, error) {
	o.Classes = t.classes
	m, err := t.network.Inference(t.state, o)
	if err != nil {
		return nil, BadDataf("read %q: %w", snapshot.CheckpointPath(t.Path), err)
	}
	return m, nil
}

// ReadRun reads the configuration and the environment of a run, and finds its best or its
// latest snapshot.
func ReadRun(dir string, best bool) (e configs.Experiment, d rundir.Data, path string, err error) {
	if err := checkRun(dir); err != nil {
		return e, d, "", err
	}
	if e, err = rundir.ReadConfig(dir); err != nil {
		return e, d, "", err
	}
	environment, err := rundir.ReadEnvironment(dir)
	if err != nil {
		return e, d, "", err
	}
	if err := trainloop.CheckModel(e.Model, environment.Model); err != nil {
		return e, d, "", err
	}
	if best {
		path, err = rundir.BestSnapshot(dir)
	} else {
		path, err = trainloop.TrainedSnapshot(dir)
	}
	if c := environment.Data.Channels; c != 0 {
		e.Data.Channels = c // a program may have trained on images of its own
	}
	return e, environment.Data, path, err
}
