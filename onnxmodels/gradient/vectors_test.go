package gradient_test

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/internal/npz"
	"onnxlab/onnxmodels/gradient"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/internal/ortrun"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// TestVectors compares operators as models from outside have them, and their gradients, with
// what PyTorch gave in float64: testdata/vectors/common.py says how to make them.
func TestVectors(t *testing.T) {
	families, err := filepath.Glob("testdata/vectors/*.npz")
	if err != nil || len(families) == 0 {
		t.Fatalf("there are no vectors: %v", err)
	}
	for _, path := range families {
		archive, err := npz.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		for key := range archive {
			if name, ok := strings.CutSuffix(key, "/model"); ok {
				t.Run(name, func(t *testing.T) { checkVector(t, archive, name) })
			}
		}
	}
}

func checkVector(t *testing.T, archive npz.Archive, name string) {
	m, err := modelfile.Decode(archive[name+"/model"].Uint8())
	if err != nil {
		t.Fatal(err)
	}
	checkPureGo(t, archive, name, m)
	canonical, err := importer.Canonical(m)
	if err != nil {
		t.Fatal(err)
	}
	g, y := op.On(canonical), canonical.Outputs[0]
	var inputs []ortrun.Input
	var targets []*graph.Value
	for _, in := range g.Inputs {
		inputs = append(inputs, inputOf(in.Name, archive[name+"/in/"+in.Name]))
		if _, target := archive[name+"/grad/"+in.Name]; target {
			targets = append(targets, in)
		}
	}
	dy := archive[name+"/dy"]
	var weights *graph.Value
	if len(dy.Shape) == 0 { // the binding takes no scalars
		weights = g.Scalar("dy", float32(dy.Float64()[0]))
	} else {
		weights = g.Input("dy", graph.Float, y.Shape)
		inputs = append(inputs, ortrun.Input{Name: "dy", Shape: dy.Shape, Float32: narrow(dy.Float64())})
	}
	axes := make([]int64, len(y.Shape))
	for i := range axes {
		axes[i] = int64(i)
	}
	loss := g.Binary("Mul", "weighted", y, weights)
	if len(axes) > 0 {
		loss = g.ReduceSum("loss", loss, false, axes...)
	}
	gradients, err := gradient.Append(g.Graph, loss, g.Scalar("seed", 1), targets)
	if err != nil {
		t.Fatal(err)
	}
	// The binding returns no scalars.
	flat := func(name string, v *graph.Value) {
		g.Output(g.Reshape(name+".flat", v, g.Ints(name+".all", -1), graph.Shape{graph.Symbol(name + ".elements")}))
	}
	g.Outputs = nil
	flat("y", y)
	for _, x := range targets {
		flat(x.Name, gradients[x])
	}
	lower.Portable(g.Graph)
	model, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	results := ortrun.Load(t, model).Run(t, inputs...)
	agreeWith(t, "output", results[0], archive[name+"/out"].Float64())
	for i, x := range targets {
		agreeWith(t, "gradient by "+x.Name, results[1+i], archive[name+"/grad/"+x.Name].Float64())
	}
}

// checkPureGo compares what the model gives in pure Go.
func checkPureGo(t *testing.T, archive npz.Archive, name string, m *modelfile.Model) {
	t.Helper()
	p, err := interp.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	inputs := map[string]*op.Tensor{}
	for _, in := range p.Inputs() {
		a := archive[name+"/in/"+in.Name]
		x := &op.Tensor{Elem: in.Elem, Shape: a.Shape}
		if in.Elem == graph.Float {
			x.Floats = a.Float32()
		} else {
			x.Ints = a.Int64()
		}
		inputs[in.Name] = x
	}
	out, err := p.Run(inputs)
	if err != nil {
		t.Fatal(err)
	}
	want := archive[name+"/out"]
	if !slices.Equal(out[0].Shape, want.Shape) {
		t.Fatalf("in pure Go it is %s, want %v", out[0], want.Shape)
	}
	agreeWith(t, "output in pure Go", out[0].Floats, want.Float64())
}

func inputOf(name string, a npz.Array) ortrun.Input {
	in := ortrun.Input{Name: name, Shape: a.Shape}
	if in.Float32 = a.Float32(); in.Float32 == nil {
		in.Int64 = a.Int64()
	}
	return in
}

func narrow(list []float64) []float32 {
	short := make([]float32, len(list))
	for i, v := range list {
		short[i] = float32(v)
	}
	return short
}

// agreeWith allows a difference of 1e-4 of the root mean square.
func agreeWith(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s has %d elements, want %d", what, len(got), len(want))
		return
	}
	size, difference := 0.0, 0.0
	for i, w := range want {
		size += w * w
		difference += (float64(got[i]) - w) * (float64(got[i]) - w)
	}
	if n := float64(max(len(want), 1)); !(math.Sqrt(difference/n) <= 1e-4*max(math.Sqrt(size/n), 1e-3)) {
		t.Errorf("%s is %.6v, want %.6v", what, got[:min(len(got), 8)], want[:min(len(want), 8)])
	}
}
