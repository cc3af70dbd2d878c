// Package lowertest runs graphs before and after they are lowered, for tests.
package lowertest

import (
	"math"
	"math/rand/v2"
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/ortrun"
)

// Builder builds a graph whose inputs are random numbers.
type Builder struct {
	op.Builder
	// Fed are the inputs with their elements.
	Fed []ortrun.Input
	rng *rand.Rand
}

// New returns an empty graph.
func New() *Builder {
	return &Builder{Builder: op.On(graph.New("test")), rng: rand.New(rand.NewPCG(1, 2))}
}

// In appends an input of normally distributed numbers.
func (b *Builder) In(name string, mean float64, sizes ...int) *graph.Value {
	values := make([]float32, product(sizes))
	for i := range values {
		values[i] = float32(b.rng.NormFloat64() + mean)
	}
	b.Fed = append(b.Fed, ortrun.Input{Name: name, Shape: sizes, Float32: values})
	return b.Input(name, graph.Float, graph.Static(sizes...))
}

// Bytes appends an input of uniformly distributed bytes.
func (b *Builder) Bytes(name string, sizes ...int) *graph.Value {
	values := make([]uint8, product(sizes))
	for i := range values {
		values[i] = uint8(b.rng.UintN(256))
	}
	b.Fed = append(b.Fed, ortrun.Input{Name: name, Shape: sizes, Uint8: values})
	return b.Input(name, graph.Uint8, graph.Static(sizes...))
}

func product(sizes []int) int {
	n := 1
	for _, size := range sizes {
		n *= size
	}
	return n
}

// Run applies the pass and lower.Portable to the graph, runs it, and returns these outputs. The
// outputs must keep their names.
func (b *Builder) Run(t *testing.T, outputs []*graph.Value, pass func(g *graph.Graph)) [][]float32 {
	t.Helper()
	var names []string
	for _, v := range outputs {
		b.Output(v)
		names = append(names, v.Name)
	}
	if b.Err() == nil {
		pass(b.Graph)
		lower.Portable(b.Graph)
	}
	for i, v := range b.Outputs {
		if v.Name != names[i] {
			t.Errorf("output %q has become %q", names[i], v.Name)
		}
	}
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	return ortrun.Load(t, m).Run(t, b.Fed...)
}

// Count returns how many nodes of the operator the graph has.
func (b *Builder) Count(domain, name string) int { return Count(b.Graph, domain, name) }

// Count returns how many nodes of the operator a graph has.
func Count(g *graph.Graph, domain, name string) int {
	n := 0
	for _, node := range g.Nodes {
		if node.Is(domain, name) {
			n++
		}
	}
	return n
}

// Nothing is a pass that does nothing.
func Nothing(*graph.Graph) {}

// Compare runs the graph that build builds with and without the pass, and checks
// the relative error of each output. The pass must leave no node of the operator.
func Compare(t *testing.T, domain, name string, limit float64, pass func(g *graph.Graph), build func(b *Builder) []*graph.Value) {
	t.Helper()
	plain, changed := New(), New()
	outputs := build(plain)
	before := plain.Count(domain, name)
	want := plain.Run(t, outputs, func(g *graph.Graph) {
		lower.Portable(g)
		before = max(before, plain.Count(domain, name))
	})
	got := changed.Run(t, build(changed), pass)
	if n := changed.Count(domain, name); n != 0 || before == 0 {
		t.Errorf("%d of %d %s are left", n, before, name)
	}
	CheckClose(t, got, want, limit)
}

// CheckClose checks the relative error of each output.
func CheckClose(t *testing.T, got, want [][]float32, limit float64) {
	t.Helper()
	for i := range want {
		if e := RelativeError(got[i], want[i]); !(e <= limit) {
			t.Errorf("output %d differs by %.2g of its size, want at most %.2g", i, e, limit)
		}
	}
}

// RelativeError returns the root mean square of the differences divided by that of want.
func RelativeError(got, want []float32) float64 {
	var difference, square float64
	for i := range want {
		difference += math.Pow(float64(got[i])-float64(want[i]), 2)
		square += math.Pow(float64(want[i]), 2)
	}
	return math.Sqrt(difference / max(square, math.SmallestNonzeroFloat64))
}
