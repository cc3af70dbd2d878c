package main

import (
	"onnxlab/configs"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
	"onnxlab/trainloop/snapshot"
)

// inputOwn is the form of a given model as it was given.
const inputOwn = "own"

// exportFineTuned writes the given model that a run trains as it was given, with the
// parameters of a checkpoint, and tells the path of its snapshot.
func exportFineTuned(opts *exportModelOptions) (path string, err error) {
	experiment, data, path, err := cli.ReadRun(opts.run, opts.best)
	if err != nil {
		return "", cli.BadData(err)
	}
	if experiment.Model.Kind != configs.KindONNX {
		return "", cli.BadUsagef("--input %s: the run trains no given model, but model.kind %s", inputOwn, experiment.Model.Kind)
	}
	state, err := snapshot.Parameters(path)
	if err != nil {
		return "", cli.BadData(err)
	}
	return path, trainloop.WriteFineTuned(opts.out, experiment.Model, data.Height, data.Width, state)
}
