// Package rundir defines the files of a run directory: their names, their
// formats, and when the run in it is complete.
//
//	config.yaml        the resolved experiment (WriteConfig)
//	environment.json   versions, processor, threads and data of the run: Environment
//	history.csv        one row for each finished epoch: Epoch
//	layers.csv         one row for each parameter and each epoch with a diagnosis: Layer
//	checkpoints/       the snapshots from which the run resumes
//	model.onnx         the trained network
//	summary.json       the results of the run: Summary. Written last
//	failure.json       which run failed, and why: Failure. Removed when it runs again
//	starts.json        how often a scheduler has started it since its last snapshot
//
// A run is complete when summary.json exists. All files are written atomically.
//
//	layout := rundir.Layout{Dir: "runs/first"}
//	history, err := rundir.ReadHistory(layout.History())
//	summary, err := rundir.ReadSummary(layout.Dir)
//
// A sweep directory contains one run directory for each cell: CellDir names it
// <condition>/<batch size>, followed by /seed-<n> if there are several seeds. When
// seeds are added or removed later, existing runs stay where they are. List finds the
// runs. The config.yaml in the sweep directory itself, if there is one, says which cells
// are planned. Its from.checkpoint contains the parameters with which they begin, if
// these are not random.
//
// Reading is strict. If a file is damaged, the error is a *DataError that names the
// file, the position in it and the value.
package rundir
