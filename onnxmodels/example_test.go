package onnxmodels_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/inspect"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
)

// scale multiplies each channel of [n, channels, h, w] by a number that is trained.
type scale struct {
	name     string
	channels int
}

func (s scale) Build(b *onnxmodels.Builder, x *graph.Value) *graph.Value {
	factor := b.Weight(onnxmodels.Parameter{
		Name: s.name + ".factor", Shape: []int{s.channels, 1, 1}, Trainable: true,
	}, onnxmodels.Ones)
	return b.Binary("Mul", b.Name(s.name), x, factor)
}

// A layer of your own declares its parameters and appends operators that have
// gradients in package op.
func ExampleLayer() {
	network, err := onnxmodels.NewNetwork(8, 8,
		scale{name: "scale", channels: 3},
		onnxmodels.Flatten("flat"),
		onnxmodels.Dense("dense", 2))
	if err != nil {
		log.Fatal(err)
	}
	artifacts, err := network.Artifacts(onnxmodels.TrainingOptions{Momentum: 0.9})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range inspect.Model(artifacts.Training).Parameters {
		fmt.Println(p.Name, p.Type)
	}
	// Output:
	// scale.factor float32[3, 1, 1]
	// dense.weight float32[192, 2]
	// dense.bias float32[2]
}

// A network is written as training artifacts. Then a checkpoint makes it an
// inference model; after training, the checkpoint would hold the trained
// parameters.
func Example() {
	network, err := onnxmodels.NewNetwork(8, 8,
		onnxmodels.Conv("conv1", onnxmodels.ConvOptions{Filters: 4, Kernel: 3, NoBias: true}),
		onnxmodels.BatchNorm("norm1", onnxmodels.BatchNormOptions{}),
		onnxmodels.ReLU("relu1"),
		onnxmodels.GlobalAveragePool("pool"),
		onnxmodels.Dense("dense", 3))
	if err != nil {
		log.Fatal(err)
	}
	total, trainable := network.Count()
	fmt.Println(total, "parameters,", trainable, "trainable")

	dir, err := os.MkdirTemp("", "artifacts")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	artifacts, err := network.Artifacts(onnxmodels.TrainingOptions{Momentum: 0.9})
	if err != nil {
		log.Fatal(err)
	}
	if err := artifacts.Write(dir, network.Initialize(1)); err != nil {
		log.Fatal(err)
	}

	state, err := checkpoint.Read(filepath.Join(dir, artifact.CheckpointFile))
	if err != nil {
		log.Fatal(err)
	}
	model, err := network.Inference(state, onnxmodels.InferenceOptions{Classes: []string{"cat", "dog", "frog"}})
	if err != nil {
		log.Fatal(err)
	}
	data, err := modelfile.Marshal(model)
	if err != nil {
		log.Fatal(err)
	}
	runner, err := interp.New(data)
	if err != nil {
		log.Fatal(err)
	}
	white := bytes.Repeat([]byte{255}, 8*8*3)
	_, probabilities, err := runner.Predict(context.Background(), append(white, make([]uint8, 8*8*3)...)) // and black
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.3f\n", probabilities)
	// Output:
	// 139 parameters, 131 trainable
	// [0.734 0.135 0.131 0.333 0.333 0.333]
}
