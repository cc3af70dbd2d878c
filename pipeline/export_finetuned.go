package main

import (
	"fmt"

	"onnxlab/configs"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// inputOwn is the form of a model from outside as it was given.
const inputOwn = "own"

// exportFineTuned writes the model from outside that a run trains as it was given, with the
// parameters of a checkpoint, and tells the path of its snapshot.
func exportFineTuned(opts *exportModelOptions) (path string, err error) {
	_, path, _, err = trainedNetwork(opts.run, opts.best)
	if err != nil {
		return "", &dataError{err}
	}
	experiment, err := rundir.ReadConfig(opts.run)
	if err != nil {
		return "", &dataError{err}
	}
	if experiment.Model.Kind != configs.KindONNX {
		return "", &usageError{fmt.Errorf("--input %s: the run trains no model from outside, but model.kind %s", inputOwn, experiment.Model.Kind)}
	}
	environment, err := rundir.ReadEnvironment(opts.run)
	if err != nil {
		return "", &dataError{err}
	}
	state, err := snapshot.Parameters(path)
	if err != nil {
		return "", &dataError{err}
	}
	return path, trainloop.WriteFineTuned(opts.out, experiment.Model, environment.Data.Height, environment.Data.Width, state)
}
