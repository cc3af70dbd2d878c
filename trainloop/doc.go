// Package trainloop trains the network of an experiment in ONNX Runtime and
// keeps what comes of it in a run directory.
//
//	experiment := configs.Default()
//	experiment.Model.Classes = 0 // as many as the photographs have
//	data, err := source.Load(ctx, configs.Data{Source: "folder", Path: "photos"})
//	err = session.Open(ctx, session.LibraryOptions{})
//	defer session.Close()
//	summary, err := trainloop.Run(ctx, trainloop.Options{
//		Experiment: experiment, Train: data.Train, Validation: data.Validation, Dir: "runs/first",
//	})
//
// "go doc" leaves out the example, which trains a small network from Go and reads its
// history. It is in trainloop/example_test.go, and go test -v -run Example
// onnxlab/trainloop runs it.
//
// A run is a function of its experiment, its data and the number of threads:
// two runs write the same history, timings aside, and the same model.onnx, on
// one kind of CPU. One that was interrupted and is resumed ends as if it never
// had been, and one that is given more epochs as if it had had them from the
// start. What the history decides, when the rate is lowered and when a run stops
// early, it decides alone.
//
// A run can begin with the parameters of another one, by Options.From: see package
// warmstart.
//
// Each epoch ends with the evaluation of the network on all validation images,
// with BatchNorm folded as in the exported model. The epoch's row in history.csv
// holds the mean loss and the accuracy over the training batches as they were
// trained on, as Keras reports them.
//
// The experiment is one of package configs: its model, augment, train,
// optimizer, schedule and runtime settings are used. The images are those of
// Options, whatever its data settings say. The files of the directory are those
// of package rundir.
//
// A network that no experiment describes is given by Options.Network and has the same loop.
// The kind of its model is "own" in config.yaml, and environment.json has its fingerprint: a run
// is resumed with the same network alone. A program sweeps it as it does others, by package
// sweep, with Experiment.Model.Kind set to configs.KindOwn and a command that starts the program
// itself. One step at a time is for package session, on what onnxmodels makes and
// batch.Loader fills.
//
// The native library must be open: session.Open.
package trainloop
