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

// checkRun tells why dir is not that of a run.
func checkRun(dir string) error {
	layout := rundir.Layout{Dir: dir}
	if _, err := os.Stat(layout.Config()); err != nil {
		return fmt.Errorf("%q is not a run directory: %w", dir, err)
	}
	if _, err := os.Stat(layout.Environment()); err != nil {
		return fmt.Errorf("%q is not a run directory: %w (of a sweep, give one of its runs: <condition>/<batch size>)", dir, err)
	}
	return nil
}

// ExplainMissing tells why dir lacks a file that complete runs have, which is
// cause: the run in it has not ended, or there is none.
func ExplainMissing(dir string, cause error) error {
	if err := checkRun(dir); err != nil {
		return err
	}
	return fmt.Errorf("the run %q is not complete: %w (go on with it: pipeline train --out %s --resume)", dir, cause, printable.ShellWord(dir))
}

// TrainedModel makes an inference model of the best or the latest checkpoint of a run,
// with the names of its classes, and tells the path of its snapshot.
func TrainedModel(dir string, best bool, o onnxmodels.InferenceOptions) (*modelfile.Model, string, error) {
	t, err := ReadTrained(dir, best)
	if err != nil {
		return nil, "", err
	}
	m, err := t.Model(o)
	return m, t.Path, err
}

// Trained is what a run has trained: a network with its parameters, the path of the
// snapshot that they are of, and the names of the classes.
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

// Model makes an inference model of it.
func (t Trained) Model(o onnxmodels.InferenceOptions) (*modelfile.Model, error) {
	o.Classes = t.classes
	m, err := t.network.Inference(t.state, o)
	if err != nil {
		return nil, BadDataf("read %q: %w", snapshot.CheckpointPath(t.Path), err)
	}
	return m, nil
}

// ReadRun reads what a run says of itself, and finds its best or its latest snapshot.
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
	if best {
		path, err = rundir.BestSnapshot(dir)
	} else {
		path, err = trainloop.TrainedSnapshot(dir)
	}
	if c := environment.Data.Channels; c != 0 {
		e.Data.Channels = c // the images of a program need not be those of the settings
	}
	return e, environment.Data, path, err
}
