// Package trainloop trains the network of an experiment in ONNX Runtime and
// keeps what comes of it in a run directory.
//
//	summary, err := trainloop.Run(ctx, trainloop.Options{
//		Experiment: experiment, Train: train, Validation: validation, Dir: "runs/first",
//	})
//
// A run is a function of its experiment, its data and the number of threads:
// two runs write the same history, timings aside, and the same model.onnx, on
// one kind of CPU. One that was interrupted and is resumed ends as if it never
// had been.
//
// Each epoch ends with the evaluation of the network in the form in which it is
// exported, with BatchNorm folded, on all validation images. The epoch's row in
// history.csv holds the mean loss and the accuracy over the training batches as
// they were trained on, as Keras reports them.
//
// The native library must be open (internal/ortlib).
package trainloop
