package trainloop_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"onnxlab/augment/batch"
	"onnxlab/dataset"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/session"
)

// This example takes a classifier of five classes that PyTorch exported, gives it a new
// last layer for two other classes, and trains only that layer. It writes the original file
// with the new layer.
func Example_fineTune() {
	ctx := context.Background()
	file, err := modelfile.ReadFile(filepath.Join("..", "onnxmodels", "importer", "testdata", "small_training.onnx"))
	check(err)
	model, err := importer.Read(file.Model, importer.Options{})
	check(err)
	head, err := model.ReplaceHead(2)
	check(err)
	model, err = importer.Read(file.Model, importer.Options{})
	check(err)
	imagenet, err := onnxmodels.ParseNormalization("imagenet")
	check(err)
	network, err := onnxmodels.Given(model, onnxmodels.GivenOptions{
		Normalization: &imagenet, Train: head.Names(), New: head.Names(), BatchNorm: onnxmodels.BatchNormFreeze,
	})
	check(err)

	const size = 10
	artifacts, err := network.Artifacts(onnxmodels.TrainingOptions{Momentum: 0.9, Batch: size, Target: onnxmodels.TargetCPU})
	check(err)
	check(session.Open(ctx, session.LibraryOptions{Progress: os.Stderr}))
	defer session.Close()
	trainer, err := session.NewTrainer(session.Training{Network: network, Artifacts: artifacts}, session.Options{})
	check(err)
	defer trainer.Close()
	set := redAndBlue(40)
	loader, err := batch.NewLoader(set, batch.LoaderOptions{Seed: 1, BatchSize: size})
	check(err)
	defer loader.Close()
	images, labels := trainer.Batch()
	for range 20 * loader.StepsPerEpoch() {
		_, err := loader.Next(ctx, images, labels)
		check(err)
		_, err = trainer.Step(images, labels, 0.05, 0)
		check(err)
	}
	report, err := trainer.Evaluate(ctx, set)
	check(err)
	fmt.Println("head:", head.Names(), "accuracy:", report.Accuracy)

	dir, err := os.MkdirTemp("", "finetune")
	check(err)
	defer os.RemoveAll(dir)
	check(trainer.Save(filepath.Join(dir, "checkpoint")))
	state, err := checkpoint.Read(filepath.Join(dir, "checkpoint"))
	check(err)
	check(model.SetParameters(func(name string) ([]float32, error) { return state.Parameter(name).Data, nil }))
	check(file.Write(filepath.Join(dir, "finetuned.onnx")))

	written, err := modelfile.Read(filepath.Join(dir, "finetuned.onnx"))
	check(err)
	again, err := importer.Read(written, importer.Options{})
	check(err)
	fmt.Println("input:", again.Image.Name, again.Image.Shape, "logits:", again.Logits.Name, again.Logits.Shape)
	// Output:
	// head: [head.weight head.bias] accuracy: 1
	// input: input [batch, 3, 12, 12] logits: logits [batch, 2]
}

// redAndBlue returns a set of plain images of 12x12 pixels, alternately red and blue.
func redAndBlue(n int) *dataset.Set {
	set := &dataset.Set{Name: "plain", Classes: []string{"red", "blue"}, Height: 12, Width: 12}
	for i := range n {
		set.Labels = append(set.Labels, int32(i%2))
		for range 12 * 12 {
			set.Pixels = append(set.Pixels, [][]uint8{{230, 20, 20}, {20, 20, 230}}[i%2]...)
		}
	}
	return set
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
