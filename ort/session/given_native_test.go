package session

import (
	"math"
	"math/rand/v2"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/interp"
	"onnxlab/ort/library/librarytest"
)

// outside exports a network and reads the file back as a given model to train.
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

// TestGivenTargetsAgree trains given models that are wide enough for onnxlab's operators. With
// these and with ONNX Runtime's, a step has the same loss and changes each parameter by the
// same amount.
func TestGivenTargetsAgree(t *testing.T) {
	const side, images = 32, 8
	resnet, err := onnxmodels.ResNet(onnxmodels.ResNetOptions{
		Height: side, Width: side, Form: onnxmodels.FormImageNet, Depth: 18, WidthFactor: 1. / 4, Classes: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]*onnxmodels.Network{"resnet": resnet, "blocks of mobilenet": mobileBlocks(t, side)} {
		t.Run(name, func(t *testing.T) {
			n := outside(t, n)
			begin := n.Initialize(1)
			var losses [2]float64
			var ends [2]*checkpoint.Checkpoint
			for i, target := range []string{onnxmodels.TargetPortable, onnxmodels.TargetNative} {
				o := onnxmodels.TrainingOptions{Momentum: 0.9, Target: target, Block: Block()}
				losses[i], ends[i] = stepOnce(t, trainer(t, n, begin, setup{o, images, images}), images, side)
			}
			if !(math.Abs(losses[1]-losses[0]) <= 1e-5*losses[0]) {
				t.Errorf("loss %v, want %v", losses[1], losses[0])
			}
			compareChanges(t, begin, ends)
		})
	}
}

// mobileBlocks returns a network with depthwise convolutions, ReLU6 and an average pool that
// moves by one pixel. A whole MobileNet magnifies rounding errors too much to compare gradients.
func mobileBlocks(t *testing.T, side int) *onnxmodels.Network {
	t.Helper()
	conv := func(name string, filters, kernel, stride, groups int, last ...onnxmodels.Layer) onnxmodels.Layer {
		layers := []onnxmodels.Layer{
			onnxmodels.Conv(name, onnxmodels.ConvOptions{
				Filters: filters, Kernel: kernel, Stride: stride, Pad: kernel / 2, Valid: true, Groups: groups, NoBias: true,
			}),
			onnxmodels.BatchNorm(name+".norm", onnxmodels.BatchNormOptions{}),
		}
		return onnxmodels.Sequential(append(layers, last...)...)
	}
	relu := func(name string) onnxmodels.Layer { return onnxmodels.Activation(name, onnxmodels.ActivationReLU6) }
	n, err := onnxmodels.NewNetwork(side, side,
		conv("first", 32, 3, 2, 1, relu("first.act")),
		conv("half", 32, 3, 2, 32, relu("half.act")),
		onnxmodels.Residual("block", nil,
			conv("expand", 96, 1, 1, 1, relu("expand.act")), conv("depthwise", 96, 5, 1, 96, relu("depthwise.act")), conv("project", 32, 1, 1, 1)),
		onnxmodels.AveragePool("smooth", onnxmodels.PoolOptions{Size: 3, Stride: 1, Same: true}),
		conv("narrow", 27, 1, 1, 1), // channels that no processor's blocks divide
		onnxmodels.Residual("narrow block", nil,
			conv("expand", 45, 1, 1, 1, relu("expand.act")), conv("depthwise", 45, 3, 1, 45, relu("depthwise.act")), conv("project", 27, 1, 1, 1)),
		relu("last"), onnxmodels.GlobalAveragePool("pool"), onnxmodels.Dense("dense", 10))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// compareChanges compares by how much two steps have changed each parameter. Some gradients,
// such as that of a scale before another normalisation, are zero except for rounding errors:
// changes below a thousandth of the root mean square of all changes count as zero.
func compareChanges(t *testing.T, begin *checkpoint.Checkpoint, ends [2]*checkpoint.Checkpoint) {
	t.Helper()
	for name, e := range differences(begin, ends[0].Trainable, ends[1].Trainable, 1e-3) {
		if !(e < 1e-3) {
			t.Errorf("%s: what a step changes differs by %v of its size", name, e)
		}
	}
}

// differences returns, for each parameter of got, by how much two steps differ in what they change,
// relative to the change. Changes below this share of the root mean square of all changes of want count
// as zero.
func differences(begin *checkpoint.Checkpoint, want, got []checkpoint.Tensor, least float64) map[string]float64 {
	apart, exact, floor := map[string]float64{}, map[string]checkpoint.Tensor{}, least*rms(moves(begin, want...))
	for _, p := range want {
		exact[p.Name] = p
	}
	for _, p := range got {
		apart[p.Name] = rms(changes(p.Data, exact[p.Name].Data)) / max(rms(moves(begin, exact[p.Name])), floor)
	}
	return apart
}

// moves returns by how much the elements of the parameters have changed.
func moves(begin *checkpoint.Checkpoint, parameters ...checkpoint.Tensor) (all []float64) {
	for _, p := range parameters {
		all = append(all, changes(p.Data, begin.Parameter(p.Name).Data)...)
	}
	return all
}

// rms returns the root mean square.
func rms(list []float64) float64 {
	sum := 0.0
	for _, f := range list {
		sum += f * f
	}
	return math.Sqrt(sum / float64(len(list)))
}

// stepOnce does one step on square images of that side, and returns its loss and the
// checkpoint after it.
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
	result, err := tr.Step(pixels, labels, 1, 0) // a rate so large that the changes lose few digits to rounding
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

// TestLowered: a model that NewModel lowers gives the same logits as with ONNX Runtime's own
// operators, and as in pure Go.
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
	lowered, err := onnxmodels.Lowered(m, Block())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := onnxmodels.Lowered(lowered, Block()); err == nil {
		t.Error("a model with such operators was lowered once more")
	}
	images := make([]uint8, 5*32*32*3)
	for i := range images {
		images[i] = uint8(i * i % 251)
	}
	pure, err := interp.New(marshal(t, m))
	if err != nil {
		t.Fatal(err)
	}
	exact, _, err := pure.Predict(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	var outputs [2][]float64
	for i, plain := range []bool{true, false} {
		librarytest.Open(t)
		s, err := NewModel(marshal(t, m), Options{Threads: 2, Plain: plain})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second run uses the packed weights of the first
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
	for runtime, want := range map[string][]float64{"ONNX Runtime": outputs[0], "pure Go": float64s(exact)} {
		if e := relativeRMS(outputs[1], want); !(e < 1e-5) {
			t.Errorf("relative error %v of the logits, compared with %s", e, runtime)
		}
	}
}
