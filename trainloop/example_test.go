package trainloop_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"onnxlab/configs"
	"onnxlab/dataset/synthetic"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/session"
)

// A network of two convolutions is trained for one epoch.
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
