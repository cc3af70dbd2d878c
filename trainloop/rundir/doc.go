// Package rundir knows the files of a run directory: their names, their
// formats, and when the run in it is complete.
//
//	config.yaml        the resolved experiment (configs.Marshal)
//	environment.json   versions, processor, threads, data: Environment
//	history.csv        one row for each finished epoch: Epoch
//	layers.csv         one row for each parameter and each epoch with a diagnosis: Layer
//	checkpoints/       what a run resumes from
//	model.onnx         the trained network
//	summary.json       the run in one object: Summary. Written last
//	failure.json       which run failed, and why: Failure. Gone when it runs again
//	starts.json        how often a scheduler has started it since its last snapshot
//
// A run is complete when summary.json is there. Every file appears whole or not
// at all.
//
//	layout := rundir.Layout{Dir: "runs/first"}
//	history, err := rundir.ReadHistory(layout.History())
//	summary, err := rundir.ReadSummary(layout.Dir)
//
// A sweep directory holds one run directory for each cell, named by CellDir:
// <condition>/<batch size>, with /seed-<n> when there are several seeds; runs of
// before keep their places when seeds are added or left out. List finds them. The
// config.yaml of the sweep directory itself, if there is one, says which cells are
// planned, and its from.checkpoint holds the parameters that they begin with, if
// those are not random.
//
// Reading is strict. What is wrong with a file is a *DataError that names the
// file, the place in it and the value.
package rundir
