package main

import (
	"onnxlab/configs"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
	"onnxlab/trainloop/snapshot"
)

// inputOwn is the value of --input that keeps the input of the given model.
const inputOwn = "own"

// exportFineTuned writes the given model of a run unchanged except for the parameters, which
// come from a checkpoint, and returns the path of its snapshot.
func exportFineTuned(opts *exportModelOptions) (path string, err error) {
	experiment, data, path, err := cli.ReadRun(opts.run, opts.best)
	if err != nil {
		return "", cli.BadData(err)
	}
	if experiment.Model.Kind != configs.KindONNX {
		return "", cli.BadUsagef("--input %s: the run did not train a given model: its model.kind is %s", inputOwn, experiment.Model.Kind)
	}
	state, err := snapshot.Parameters(path)
	if err != nil {
		return "", cli.BadData(err)
	}
	return path, trainloop.WriteFineTuned(opts.out, experiment.Model, data.Height, data.Width, state)
}
