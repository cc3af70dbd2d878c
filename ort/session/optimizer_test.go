package session

import (
	"fmt"
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/library/librarytest"
)

// TestOptimizerAgreesWithKeras feeds the optimizer the gradients that Keras's SGD
// was given: the loss is Σ w·g·rate, so that its gradient with respect to w is g·rate.
func TestOptimizerAgreesWithKeras(t *testing.T) {
	librarytest.Open(t)
	a := reference(t, "sgd.npz")
	g := op.On(graph.New("optimizer test"))
	rate := g.Input("learning_rate", graph.Float, graph.Static(1))
	reset := g.Input("lazy_reset_grad", graph.Bool, graph.Static(1))
	state := &checkpoint.Checkpoint{}
	var inputs []*ort.Tensor[float32]
	var values []ort.Value
	tensor := func(shape ...int) {
		dims := make(ort.Shape, len(shape))
		for i, n := range shape {
			dims[i] = int64(n)
		}
		x, err := ort.NewEmptyTensor[float32](dims)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = x.Destroy() })
		inputs, values = append(inputs, x), append(values, x)
	}
	tensor(1)
	var flags []*graph.Value
	for i := range 2 {
		start := a[fmt.Sprintf("start/%d", i)]
		name, shape := fmt.Sprintf("w%d", i), graph.Static(start.Shape...)
		gradient := g.Input(fmt.Sprintf("g%d", i), graph.Float, shape)
		tensor(start.Shape...)
		g.Input(name, graph.Float, shape)
		buffer := g.Input(name+"_grad.accumulation.buffer", graph.Float, shape)
		scaled := g.Binary("Mul", "scaled"+name, gradient, rate)
		flags = append(flags, g.Accumulate(name+artifact.GradientFlagSuffix, buffer, scaled, reset))
		state.Trainable = append(state.Trainable, checkpoint.Tensor{Name: name, Shape: start.Shape, Data: start.Float32()})
	}
	loss := g.Cast("loss", g.Reshape("flat", rate, g.Ints("none"), graph.Shape{}), graph.Float)
	g.Rename(loss, "loss")
	g.Output(loss)
	for _, f := range flags {
		g.Output(f)
	}
	tr := trainingOf(t, g.Graph, state, values)
	for step, rate := range a["rate"].Float64() {
		inputs[0].GetData()[0] = float32(rate)
		for i := range 2 {
			copy(inputs[i+1].GetData(), a[fmt.Sprintf("gradient/%d/%d", step, i)].Float32())
		}
		for _, do := range []func() error{tr.session.TrainStep, tr.session.OptimizerStep, tr.session.LazyResetGrad} {
			if err := do(); err != nil {
				t.Fatal(err)
			}
		}
		c := saved(t, tr)
		for i := range 2 {
			want := a[fmt.Sprintf("value/%d/%d", step, i)].Float64()
			if e := relativeRMS(float64s(c.Parameter(fmt.Sprintf("w%d", i)).Data), want); !(e < 1e-5) {
				t.Errorf("step %d, tensor %d: relative error %v", step, i, e)
			}
		}
	}
}

// trainingOf returns a trainer for the graph. Only its session can be used.
func trainingOf(t *testing.T, g *graph.Graph, state *checkpoint.Checkpoint, inputs []ort.Value) *Trainer {
	t.Helper()
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	training, err := modelfile.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	a, err := plain(t).Artifacts(onnxmodels.TrainingOptions{Momentum: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	optimizer, err := modelfile.Marshal(a.Optimizer)
	if err != nil {
		t.Fatal(err)
	}
	loss, err := ort.NewEmptyScalar[float32]()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ort.NewTrainingSessionWithOnnxData(checkpoint.Encode(state), training, nil, optimizer, inputs, []ort.Value{loss}, nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &Trainer{session: s, loss: loss}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}
