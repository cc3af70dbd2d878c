//go:build cgo

package session_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"onnxlab/augment"
	"onnxlab/augment/batch"
	"onnxlab/dataset"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/session"
	"onnxlab/trainloop/schedule"
)

// tints returns a set of single-coloured images: dark, light and red ones.
func tints(n int) *dataset.Set {
	var pixels []uint8
	labels := make([]int, n)
	for i := range n {
		labels[i] = i % 3
		for range 8 * 8 {
			pixels = append(pixels, [][]uint8{{20, 20, 20}, {230, 230, 230}, {230, 20, 20}}[labels[i]]...)
		}
	}
	set, err := dataset.New(pixels, labels, []string{"dark", "light", "red"})
	check(err)
	return set
}

// A network, images and a training loop of your own: the loader fills the trainer's memory,
// the schedule gives the learning rate of each step, and the checkpoint becomes a model.
func Example() {
	ctx := context.Background()
	network, err := onnxmodels.NewNetwork(8, 8,
		onnxmodels.Conv("conv", onnxmodels.ConvOptions{Filters: 4, Kernel: 3, Stride: 2}),
		onnxmodels.ReLU("relu"),
		onnxmodels.MaxPool("pool", onnxmodels.PoolOptions{Size: 2}),
		onnxmodels.Flatten("flat"),
		onnxmodels.Dropout("drop", 0.1),
		onnxmodels.Dense("dense", 3))
	check(err)
	const size = 12
	artifacts, err := network.Artifacts(onnxmodels.TrainingOptions{Momentum: 0.9, Batch: size, Target: onnxmodels.TargetCPU})
	check(err)
	check(session.Open(ctx, session.LibraryOptions{Progress: os.Stderr}))
	defer session.Close()
	trainer, err := session.NewTrainer(session.Training{Network: network, Artifacts: artifacts}, session.Options{})
	check(err)
	defer trainer.Close()

	recipe, err := augment.NewRecipe("medium", string(augment.Keras2018))
	check(err)
	loader, err := batch.NewLoader(tints(60), batch.LoaderOptions{Seed: 1, BatchSize: size, Recipe: recipe})
	check(err)
	defer loader.Close()
	steps := 10 * loader.StepsPerEpoch()
	rates := schedule.Cosine(0.05, 0, 0, steps)
	images, labels := trainer.Batch()
	var last session.Result
	for step := range steps {
		_, err := loader.Next(ctx, images, labels)
		check(err)
		last, err = trainer.Step(images, labels, rates.Rate(step), uint64(step))
		check(err)
	}
	fmt.Println("last batch:", last.Correct, "of", size, "right")
	report, err := trainer.Evaluate(ctx, tints(9))
	check(err)
	fmt.Println("accuracy:", report.Accuracy, "recall of light:", report.Classes[1].Recall)

	dir, err := os.MkdirTemp("", "own")
	check(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "checkpoint")
	check(trainer.Save(path))
	state, err := checkpoint.Read(path)
	check(err)
	model, err := network.Inference(state, onnxmodels.InferenceOptions{Classes: tints(1).Classes})
	check(err)
	data, err := modelfile.Marshal(model)
	check(err)
	classifier, err := session.NewModel(data, session.Options{})
	check(err)
	defer classifier.Close()
	_, probabilities, err := classifier.Predict(ctx, tints(60).Image(2))
	check(err)
	fmt.Println("a red image is red:", probabilities[2] > 0.9)
	// Output:
	// last batch: 12 of 12 right
	// accuracy: 1 recall of light: 1
	// a red image is red: true
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
