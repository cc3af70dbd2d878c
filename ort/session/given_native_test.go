package session

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/importer"
	"onnxlab/ort/library/librarytest"
)

// outside is a network as a given model that trains.
func outside(t *testing.T, n *onnxmodels.Network) *onnxmodels.Network {
	t.Helper()
	m, err := n.Inference(n.Initialize(1), onnxmodels.InferenceOptions{Input: onnxmodels.InputFloat32NCHW, KeepBatchNorm: true})
	if err != nil {
		t.Fatal(err)
	}
	read, err := importer.Read(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	given, err := onnxmodels.Given(read, onnxmodels.GivenOptions{Normalization: &onnxmodels.Normalization{}, BatchNorm: onnxmodels.BatchNormTrain})
	if err != nil {
		t.Fatal(err)
	}
	return given
}

// TestGivenTargetsAgree trains given models that are wide enough for onnxlab's operators. By
// these and by ONNX Runtime's, the loss is the same, and so is what a step changes. Values that
// lie at the edge of a ReLU may fall on either side of it, and biases before another
// normalisation have no gradient but rounding errors: where the targets cpu and portable, both
// of ONNX Runtime's operators, differ more than the limits, twice their difference is allowed.
func TestGivenTargetsAgree(t *testing.T) {
	const side, images = 32, 8
	resnet, err := onnxmodels.ResNet(onnxmodels.ResNetOptions{
		Height: side, Width: side, Form: onnxmodels.FormImageNet, Depth: 18, WidthFactor: 1. / 4, Classes: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	mobilenet, err := onnxmodels.MobileNet(onnxmodels.MobileNetOptions{Height: side, Width: side, WidthFactor: 1. / 2, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]*onnxmodels.Network{"resnet": resnet, "mobilenet": mobilenet} {
		t.Run(name, func(t *testing.T) {
			n := outside(t, n)
			begin := n.Initialize(1)
			var losses [3]float64
			var ends [3]*checkpoint.Checkpoint
			for i, target := range []string{onnxmodels.TargetPortable, onnxmodels.TargetCPU, onnxmodels.TargetNative} {
				o := onnxmodels.TrainingOptions{Momentum: 0.9, Target: target, Block: Block()}
				losses[i], ends[i] = stepOnce(t, trainer(t, n, begin, setup{o, images, images}), images, side)
			}
			if !(math.Abs(losses[2]-losses[0]) <= 1e-5*losses[0]) {
				t.Errorf("loss %v, want %v", losses[2], losses[0])
			}
			otherMedian, otherMost := differences(begin, ends[0], ends[1])
			median, most := differences(begin, ends[0], ends[2])
			t.Logf("median %.1g and most %.1g, by target cpu %.1g and %.1g", median, most, otherMedian, otherMost)
			if !(median < max(1e-3, 2*otherMedian) && most < max(5e-2, 2*otherMost)) {
				t.Errorf("what a step changes differs by %v in the median parameter, by %v at most", median, most)
			}
		})
	}
}

// differences returns the relative differences between what a step changed in two ways: that of
// the median parameter and the largest.
func differences(begin, want, got *checkpoint.Checkpoint) (median, most float64) {
	var errors []float64
	for _, p := range want.Trainable {
		from := begin.Parameter(p.Name).Data
		errors = append(errors, relativeRMS(changes(got.Parameter(p.Name).Data, from), changes(p.Data, from)))
	}
	slices.Sort(errors)
	return errors[len(errors)/2], errors[len(errors)-1]
}

// stepOnce does one step on images of the size, and returns the loss and what is then.
func stepOnce(t *testing.T, tr *Trainer, images, side int) (loss float64, end *checkpoint.Checkpoint) {
	t.Helper()
	pixels, labels := make([]uint8, images*side*side*3), make([]int64, images)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range pixels {
		pixels[i] = uint8(random.Uint32())
	}
	for i := range labels {
		labels[i] = int64(i)
	}
	result, err := tr.Step(pixels, labels, 0.02, 0)
	if err != nil {
		t.Fatal(err)
	}
	if end, err = tr.state(); err != nil {
		t.Fatal(err)
	}
	return float64(result.Loss), end
}

func changes(to, from []float32) []float64 {
	list := make([]float64, len(to))
	for i := range to {
		list[i] = float64(to[i]) - float64(from[i])
	}
	return list
}

// TestLowered: a model that NewModel lowers gives what ONNX Runtime's own operators give.
func TestLowered(t *testing.T) {
	n, err := onnxmodels.ResNet(onnxmodels.ResNetOptions{
		Height: 32, Width: 32, Form: onnxmodels.FormImageNet, Depth: 18, WidthFactor: 1. / 4, Classes: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := n.Inference(n.Initialize(1), onnxmodels.InferenceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := onnxmodels.Lowered(m, Block()); err != nil {
		t.Fatal(err)
	}
	images := make([]uint8, 5*32*32*3)
	for i := range images {
		images[i] = uint8(i * i % 251)
	}
	var outputs [2][]float64
	for i, plain := range []bool{true, false} {
		librarytest.Open(t)
		s, err := NewModel(marshal(t, m), Options{Threads: 2, Plain: plain})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second run has the packed weights of the first
			logits, _, err := s.Predict(t.Context(), images)
			if err != nil {
				t.Fatal(err)
			}
			outputs[i] = float64s(logits)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if e := relativeRMS(outputs[1], outputs[0]); !(e < 1e-5) {
		t.Errorf("relative error %v of the logits", e)
	}
}
