package gradient_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/internal/npz"
	"onnxlab/onnxmodels/gradient"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/ortrun"
)

// TestVectors imports models of one operator and compares its output and its gradients with
// PyTorch's in float64. testdata/vectors/common.py says how the vectors are made.
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
	checkDifferences(t, archive, name, m)
	canonical, err := importer.Canonical(m)
	if err != nil {
		t.Fatal(err)
	}
	g, y := op.On(canonical), canonical.Outputs[0]
	var inputs []ortrun.Input
	var targets []*graph.Value
	for _, in := range g.Inputs {
		inputs = append(inputs, inputOf(in, archive[name+"/in/"+in.Name]))
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
		agreeWith(t, "gradient with respect to "+x.Name, results[1+i], archive[name+"/grad/"+x.Name].Float64())
	}
}

// checkPureGo compares the output of the model in pure Go.
func checkPureGo(t *testing.T, archive npz.Archive, name string, m *modelfile.Model) {
	t.Helper()
	p, err := interp.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(tensorsOf(p, archive, name))
	if err != nil {
		t.Fatal(err)
	}
	want := archive[name+"/out"]
	if !slices.Equal(out[0].Shape, want.Shape) {
		t.Fatalf("in pure Go it is %s, want %v", out[0], want.Shape)
	}
	agreeWith(t, "output in pure Go", out[0].Floats, want.Float64())
}

// tensorsOf returns the inputs of a case.
func tensorsOf(p *interp.Program, archive npz.Archive, name string) map[string]*op.Tensor {
	inputs := map[string]*op.Tensor{}
	for _, in := range p.Inputs() {
		a := archive[name+"/in/"+in.Name]
		x := &op.Tensor{Elem: in.Elem, Shape: a.Shape}
		switch in.Elem {
		case graph.Float:
			x.Floats = a.Float32()
		case graph.Bool:
			for _, v := range a.Uint8() {
				x.Ints = append(x.Ints, int64(v))
			}
		default:
			x.Ints = a.Int64()
		}
		inputs[in.Name] = x
	}
	return inputs
}

// checkDifferences compares the gradients of PyTorch with central differences in pure Go, along
// one direction in which each element goes up or down by a step that is smaller than the
// distance of any from a kink.
func checkDifferences(t *testing.T, archive npz.Archive, name string, m *modelfile.Model) {
	t.Helper()
	const step = 1. / 128
	p, err := interp.Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	inputs := tensorsOf(p, archive, name)
	slope, size := 0.0, 0.0
	ahead, behind := maps.Clone(inputs), maps.Clone(inputs)
	rng := rand.New(rand.NewPCG(1, uint64(len(name))))
	for _, in := range p.Inputs() {
		gradient, ok := archive[name+"/grad/"+in.Name]
		if !ok {
			continue
		}
		up, down := *inputs[in.Name], *inputs[in.Name]
		up.Floats, down.Floats = slices.Clone(up.Floats), slices.Clone(down.Floats)
		for i, g := range gradient.Float64() {
			sign := float64(1 - 2*rng.IntN(2))
			up.Floats[i] += float32(sign * step)
			down.Floats[i] -= float32(sign * step)
			slope += sign * g
			size += math.Abs(g)
		}
		ahead[in.Name], behind[in.Name] = &up, &down
	}
	loss := func(inputs map[string]*op.Tensor) (sum float64) {
		out, err := p.Run(inputs)
		if err != nil {
			t.Fatal(err)
		}
		for i, dy := range archive[name+"/dy"].Float64() {
			sum += dy * float64(out[0].Floats[i])
		}
		return sum
	}
	if got := (loss(ahead) - loss(behind)) / (2 * step); math.Abs(got-slope) > 5e-3*size+1e-4 {
		t.Errorf("the slope by differences is %.5g, by gradients %.5g", got, slope)
	}
}

func inputOf(v *graph.Value, a npz.Array) ortrun.Input {
	in := ortrun.Input{Name: v.Name, Shape: a.Shape}
	switch v.Elem {
	case graph.Float:
		in.Float32 = a.Float32()
	case graph.Bool:
		for _, b := range a.Uint8() {
			in.Bool = append(in.Bool, b != 0)
		}
	default:
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

// agreeWith allows differences up to 1e-4 of the root mean square.
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
