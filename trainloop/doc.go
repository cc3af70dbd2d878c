// Package trainloop trains the network of an experiment in ONNX Runtime and keeps the
// results in a run directory.
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
// A run depends only on its experiment, its data and the number of threads: on one kind of
// CPU, two runs write the same history, except for times, and the same model.onnx. A run
// that was interrupted and resumed ends as if it had not been, and a run that gets more
// epochs ends as if it had had them from the start. Only the history decides when the rate
// is lowered and when a run stops early.
//
// A run can begin with the parameters of another one, set by Options.From: see package
// warmstart.
//
// Each epoch ends with the evaluation of the network on all validation images, with
// BatchNorm folded as in the exported model. The epoch's row in history.csv has the mean
// loss and the mean accuracy of the training batches at the time of their steps, as Keras
// reports them.
//
// The experiment is that of package configs, with its model, augment, train, optimizer,
// schedule and runtime settings. The images are those in Options; the data settings are not
// used. Package rundir describes the files of the directory.
//
// A network that no experiment describes can be set in Options.Network, and is trained in
// the same way. Its model has the kind "own" in config.yaml, and environment.json has its
// fingerprint: a run can be resumed only with the same network. A program can sweep such a
// network with package sweep, with Experiment.Model.Kind set to configs.KindOwn and a
// command that starts the program itself. To do single steps, use package session with what
// onnxmodels makes and batch.Loader fills.
//
// The native library must be open: session.Open.
package trainloop
