//go:build cgo

package session

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/ort/library/librarytest"
)

func mustGradient(t *testing.T, n *onnxmodels.Network, c *checkpoint.Checkpoint, o onnxmodels.TrainingOptions) *Gradient {
	t.Helper()
	librarytest.Open(t)
	o.Block = Block()
	model, err := n.Gradients(o)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGradient(n, model, Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := g.Load(c); err != nil {
		t.Fatal(err)
	}
	return g
}

// named returns the gradients of the trainable parameters by their names.
func named(g *Gradient, gradient []float32) map[string][]float64 {
	list := map[string][]float64{}
	for _, p := range g.model.Parameters {
		if p.Trainable {
			list[p.Name] = float64s(cutOff(&gradient, size(p.Shape)))
		}
	}
	return list
}

// TestGradientAgreesWithPyTorch compares loss and gradients of the study's network at narrow
// widths, lowered for each target, and checks that nothing else changes.
func TestGradientAgreesWithPyTorch(t *testing.T) {
	a := reference(t, "network.npz")
	n := cnn(t, 16, []int{4, 6, 8}, 3)
	c := parametersOf(n, a, "param/")
	for _, ghosts := range []int{1, 4} {
		for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
			key := fmt.Sprintf("case/r%db16/", ghosts)
			t.Run(key+target, func(t *testing.T) {
				g := mustGradient(t, n, c, onnxmodels.TrainingOptions{GhostBatches: ghosts, Batch: 16 * ghosts, Target: target})
				trained, frozen := slices.Clone(g.trained), slices.Clone(g.frozen)
				images, _, labels, _, _ := g.Batch()
				copy(images, a[key+"image"].Uint8())
				copy(labels, a[key+"label"].Int64())
				for range 2 { // gradients are not accumulated from run to run
					loss, gradient, err := g.Run(0)
					if err != nil {
						t.Fatal(err)
					}
					if want := a[key+"loss"].Float64()[0]; math.Abs(loss-want) > 1e-5*want {
						t.Errorf("loss %v, PyTorch %v", loss, want)
					}
					for name, got := range named(g, gradient) {
						if strings.Contains(name, "conv") && strings.HasSuffix(name, "bias") {
							checkZero(t, name, got)
						} else if e := relativeRMS(got, a[key+"grad/"+name].Float64()); !(e < 1e-4) {
							t.Errorf("gradient of %s: relative error %v", name, e)
						}
					}
				}
				if !slices.Equal(g.trained, trained) || !slices.Equal(g.frozen, frozen) {
					t.Error("the parameters or the running statistics have moved")
				}
			})
		}
	}
}

// TestGradientIsThatOfTraining compares the gradient with the first velocity of a trainer,
// for a network and options that use everything optional: dropout, mixed images, smoothed
// labels, class weights and corrected statistics.
func TestGradientIsThatOfTraining(t *testing.T) {
	librarytest.Open(t)
	n, err := onnxmodels.NewNetwork(6, 6,
		onnxmodels.Conv("conv", onnxmodels.ConvOptions{Filters: 4, Kernel: 3}),
		onnxmodels.BatchNorm("norm", onnxmodels.BatchNormOptions{Corrected: true}),
		onnxmodels.ReLU("relu"),
		onnxmodels.GlobalAveragePool("pool"),
		onnxmodels.Dropout("drop", 0.5),
		onnxmodels.Dense("dense", 3))
	if err != nil {
		t.Fatal(err)
	}
	set, c := noisy(t, 8), n.Initialize(3)
	o := onnxmodels.TrainingOptions{
		Momentum: 0.9, Batch: 8, Mixes: true, LabelSmoothing: 0.1, ClassWeights: []float32{1, 2, 0.5},
		Target: onnxmodels.TargetNative, Block: Block(),
	}
	artifacts, err := n.Artifacts(o)
	if err != nil {
		t.Fatal(err)
	}
	labels, second, shares := make([]int64, 8), make([]int64, 8), make([]float32, 8)
	for i := range labels {
		labels[i], second[i], shares[i] = int64(i%3), int64(i*i%3), float32(i)/8
	}
	tr := mustTrainer(t, Training{Network: n, Artifacts: artifacts, Checkpoint: checkpoint.Encode(c)})
	const seed = 77
	step, err := tr.StepMixed(set.Images(0, 8), labels, second, shares, 1, seed)
	if err != nil {
		t.Fatal(err)
	}
	g := mustGradient(t, n, c, o)
	images, _, l, s, w := g.Batch()
	copy(images, set.Images(0, 8))
	copy(l, labels)
	copy(s, second)
	copy(w, shares)
	loss, gradient, err := g.Run(seed)
	if err != nil || math.Abs(loss-step.Loss) > 1e-6 {
		t.Fatalf("loss %v, in training %v (%v)", loss, step.Loss, err)
	}
	velocity := gradients(t, saved(t, tr), 0.9)
	for name, got := range named(g, gradient) {
		if name == "conv.bias" {
			checkZero(t, name, got)
		} else if e := relativeRMS(got, velocity[name]); !(e < 1e-5) {
			t.Errorf("gradient of %s: relative error %v", name, e)
		}
	}
	if _, other, _ := g.Run(seed + 1); relativeRMS(float64s(other[:4]), velocity["conv.weight"][:4]) < 1e-3 {
		t.Error("another seed drops the same values")
	}
}

// TestGradientOfWideLayers has layers that onnxlab's kernels compute on every processor. The
// gradients of their weights lie one after the other in one buffer, so that they do not begin
// at multiples of the alignment that images have.
func TestGradientOfWideLayers(t *testing.T) {
	n := cnn(t, 8, []int{3, 16}, 2) // the weights of the first stage are 90 floats
	c := n.Initialize(4)
	images, labels := randomBatch(8, 8)
	var gradients []map[string][]float64
	for _, target := range []string{onnxmodels.TargetPortable, onnxmodels.TargetNative} {
		g := mustGradient(t, n, c, onnxmodels.TrainingOptions{Batch: 8, Target: target})
		to, _, l, _, _ := g.Batch()
		copy(to, images)
		copy(l, labels)
		_, gradient, err := g.Run(0)
		if err != nil {
			t.Fatal(err)
		}
		gradients = append(gradients, named(g, gradient))
	}
	for name, got := range gradients[1] {
		if strings.Contains(name, "conv") && strings.HasSuffix(name, "bias") {
			checkZero(t, name, got)
		} else if e := relativeRMS(got, gradients[0][name]); !(e < 1e-4) {
			t.Errorf("gradient of %s: relative error %v", name, e)
		}
	}
}

// TestGradientFaults checks that impossible options and parameters are refused.
func TestGradientFaults(t *testing.T) {
	n := cnn(t, 8, []int{4}, 1)
	open, err := n.Gradients(onnxmodels.TrainingOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewGradient(n, open, Options{}); err == nil || !strings.Contains(err.Error(), "make it for a fixed batch") {
		t.Errorf("an open batch: %v", err)
	}
	if _, err := n.Gradients(onnxmodels.TrainingOptions{Batch: 4, ClassWeights: []float32{1}}); err == nil {
		t.Error("one weight for ten classes is accepted")
	}
	many, err := n.Gradients(onnxmodels.TrainingOptions{Batch: 4, Loss: artifact.LossBinaryCrossEntropy, MultiLabel: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewGradient(n, many, Options{}); err == nil || !strings.Contains(err.Error(), "MultiLabel") {
		t.Errorf("several labels an image: %v", err)
	}
	g := mustGradient(t, n, n.Initialize(1), onnxmodels.TrainingOptions{Batch: 4})
	if err := g.Load(cnn(t, 8, []int{5}, 1).Initialize(1)); err == nil || !strings.Contains(err.Error(), "it is of another network") {
		t.Errorf("parameters of another network: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Run(0); err == nil {
		t.Error("a closed session runs")
	}
}
