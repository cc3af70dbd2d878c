//go:build cgo

package session_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"onnxlab/augment"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/trainloop/schedule"
	"onnxlab/trainloop/session"
)

// tints is a set of plain images: dark, light and red ones.
type tints int

func (t tints) Len() int                { return int(t) }
func (tints) Size() (height, width int) { return 8, 8 }
func (tints) Label(i int) int32         { return int32(i % 3) }
func (tints) Image(i int) (pixels []uint8) {
	colour := [][]uint8{{20, 20, 20}, {230, 230, 230}, {230, 20, 20}}[i%3]
	for range 8 * 8 {
		pixels = append(pixels, colour...)
	}
	return pixels
}

// A network, images and a loop of your own: the loader fills the trainer's memory, the
// schedule gives the rate of each step, and the checkpoint makes a model.
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
	const batch = 12
	artifacts, err := network.Artifacts(onnxmodels.TrainingOptions{Momentum: 0.9, Batch: batch, Target: onnxmodels.TargetCPU})
	check(err)
	training, err := modelfile.Marshal(artifacts.Training)
	check(err)
	optimizer, err := modelfile.Marshal(artifacts.Optimizer)
	check(err)

	check(session.Open(ctx, session.LibraryOptions{Progress: os.Stderr}))
	defer session.Close()
	trainer, err := session.NewTrainer(session.Training{
		TrainingModel: training, OptimizerModel: optimizer,
		Checkpoint: checkpoint.Encode(network.Initialize(1)),
		Drops:      artifacts.Drops, Height: 8, Width: 8, BatchSize: batch,
	}, session.Options{})
	check(err)
	defer trainer.Close()

	recipe, err := augment.NewRecipe("medium", string(augment.Keras2018))
	check(err)
	loader, err := augment.NewLoader(tints(60), augment.LoaderOptions{Seed: 1, BatchSize: batch, Recipe: recipe})
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
	fmt.Println("last batch:", last.Correct, "of", batch, "right")

	dir, err := os.MkdirTemp("", "own")
	check(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "checkpoint")
	check(trainer.Save(path))
	state, err := checkpoint.Read(path)
	check(err)
	model, err := network.Inference(state, onnxmodels.InferenceOptions{Classes: []string{"dark", "light", "red"}})
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
	// a red image is red: true
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
