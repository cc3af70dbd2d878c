package trainloop_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"onnxlab/configs"
	"onnxlab/dataset/synthetic"
	"onnxlab/onnxmodels"
	"onnxlab/ort/session"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
)

// This example trains a network of two convolutions for one epoch.
func ExampleRun() {
	ctx := context.Background()
	experiment := configs.Default()
	experiment.Model.Widths, experiment.Model.Convolutions = []int{4, 8}, 1
	experiment.Augment.Recipe = "strong"
	experiment.Train.Epochs, experiment.Train.BatchSize = 1, 20
	experiment.Schedule.DecayEpochs = nil

	train, validation, err := synthetic.Draw(ctx, synthetic.Seed, 80, 20)
	if err != nil {
		log.Fatal(err)
	}
	if err := session.Open(ctx, session.LibraryOptions{Progress: os.Stderr}); err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	root, err := os.MkdirTemp("", "run")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	dir := filepath.Join(root, "first")
	summary, err := trainloop.Run(ctx, trainloop.Options{
		Experiment: experiment, Train: train, Validation: validation, Dir: dir,
	})
	if err != nil {
		log.Fatal(err)
	}
	history, err := rundir.ReadHistory(rundir.Layout{Dir: dir}.History())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(summary.Status, summary.Epochs, "epoch", summary.Steps, "steps", summary.Parameters, "parameters")
	fmt.Printf("learning rate %.4f\n", history[0].LearningRate)
	fmt.Println("two runtimes agree:", summary.Verification.LargestDifference <= summary.Verification.Tolerance)
	// Output:
	// done 1 epoch 4 steps 546 parameters
	// learning rate 0.0156
	// two runtimes agree: true
}

// A network that no experiment describes is trained in the same loop, with history,
// snapshots, resuming and model.onnx. All other settings are those of the experiment.
func ExampleOptions_network() {
	ctx := context.Background()
	conv := func(name string, filters, stride int) onnxmodels.Layer {
		return onnxmodels.Conv(name, onnxmodels.ConvOptions{Filters: filters, Kernel: 3, Stride: stride, NoBias: true})
	}
	norm := func(name string) onnxmodels.Layer { return onnxmodels.BatchNorm(name, onnxmodels.BatchNormOptions{}) }
	network, err := onnxmodels.NewNetwork(32, 32,
		conv("conv", 8, 2), norm("norm"), onnxmodels.ReLU("relu"),
		onnxmodels.Residual("block", nil, conv("conv", 8, 1), norm("norm"), onnxmodels.ReLU("relu")),
		onnxmodels.GlobalAveragePool("pool"), onnxmodels.Dropout("drop", 0.2), onnxmodels.Dense("dense", 10))
	if err != nil {
		log.Fatal(err)
	}
	experiment := configs.Default()
	experiment.Train.Epochs, experiment.Train.BatchSize = 1, 20
	experiment.Schedule.DecayEpochs = nil
	train, validation, err := synthetic.Draw(ctx, synthetic.Seed, 80, 20)
	if err != nil {
		log.Fatal(err)
	}
	if err := session.Open(ctx, session.LibraryOptions{Progress: os.Stderr}); err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	root, err := os.MkdirTemp("", "run")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	dir := filepath.Join(root, "own")
	summary, err := trainloop.Run(ctx, trainloop.Options{
		Experiment: experiment, Network: network, Train: train, Validation: validation, Dir: dir,
	})
	if err != nil {
		log.Fatal(err)
	}
	kept, err := rundir.ReadConfig(dir)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(summary.Status, summary.Steps, "steps", summary.Parameters, "parameters, kind", kept.Model.Kind)
	// Output:
	// done 4 steps 946 parameters, kind own
}
