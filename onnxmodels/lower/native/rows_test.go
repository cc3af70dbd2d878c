package native

import (
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower/lowertest"
	"onnxlab/onnxmodels/op"
)

// layerNorm appends the normalisation of x over its dimensions from axis on, and its gradients.
func layerNorm(b *lowertest.Builder, name string, x, scale, bias, dy *graph.Value, axis int64) []*graph.Value {
	attributes := []graph.Attribute{{Name: "axis", Value: axis}}
	out := b.Do("", "LayerNormalization", op.Call{
		Name: name, Inputs: []*graph.Value{x, scale, bias}, Want: []bool{true, true, true}, Attributes: attributes,
	})
	grads := b.Do(op.Microsoft, "LayerNormalizationGrad", op.Call{
		Name: name + ".grad", Inputs: []*graph.Value{dy, x, scale, out[1], out[2]}, Attributes: attributes,
	})
	return append(out, grads...)
}

// TestLayerNorm has rows of one dimension and of two, with and without a bias, and a
// normalisation alone as inference models have it.
func TestLayerNorm(t *testing.T) {
	build := func(b *lowertest.Builder) []*graph.Value {
		x, dy := b.In("x", 2, 3, 7, 2, 32), b.In("dy", 0, 3, 7, 2, 32)
		scale, bias := b.In("scale", 1, 32), b.In("bias", 0, 32)
		y := layerNorm(b, "last", x, scale, bias, dy, -1)
		y = append(y, layerNorm(b, "two", x, b.In("plane", 1, 2, 32), nil, dy, 2)...)
		alone := b.Do("", "LayerNormalization", op.Call{Name: "alone", Inputs: []*graph.Value{x, scale, bias}})
		return append(y, alone...)
	}
	lowertest.Compare(t, "", "LayerNormalization", 2e-6, lowerGiven, build)
	lowertest.Compare(t, op.Microsoft, "LayerNormalizationGrad", 2e-6, lowerGiven, build)
}

// TestOtherLayerNorms has normalisations that the operators do not support: rows that are not
// whole blocks, a scale that is broadcast along rows, and images of more than four dimensions.
func TestOtherLayerNorms(t *testing.T) {
	b := lowertest.New()
	var outputs []*graph.Value
	for name, shape := range map[string][]int{"pieces": {2, 3, 14}, "broadcast": {2, 3, 16}, "large": {1, 2, 1, 1, 3, 16}} {
		axis, scale := int64(-1), shape[len(shape)-1:]
		if name == "broadcast" {
			axis = 1
		}
		outputs = append(outputs, b.Do("", "LayerNormalization", op.Call{
			Name: name, Inputs: []*graph.Value{b.In(name+".x", 0, shape...), b.In(name+".scale", 1, scale...)},
			Attributes: []graph.Attribute{{Name: "axis", Value: axis}},
		})...)
	}
	b.Run(t, outputs, lowerGiven)
	if n := b.Count("", "LayerNormalization"); n != len(outputs) {
		t.Errorf("%d nodes are left, want %d", n, len(outputs))
	}
}

// TestGeluGrad has gradients of rows, and the gradient of an image between convolutions, which
// stays in blocks.
func TestGeluGrad(t *testing.T) {
	build := func(b *lowertest.Builder) []*graph.Value {
		grad := func(name string, dy, x *graph.Value) *graph.Value {
			return b.Do(op.Microsoft, "GeluGrad", op.Call{Name: name, Inputs: []*graph.Value{dy, x}})[0]
		}
		conv := func(name string, x *graph.Value) *graph.Value {
			return b.Conv(name, x, b.In(name+".weight", 0, 32, 32, 3, 3), nil, op.Same(3, 1, 5, 6))
		}
		x := b.In("image", 0, 2, 32, 5, 6)
		image := conv("third", grad("between", conv("first", x), conv("second", x)))
		return []*graph.Value{image, grad("rows", b.In("dy", 0, 3, 5, 7), b.In("x", 0, 3, 5, 7))}
	}
	plain, native := lowertest.New(), lowertest.New()
	want, got := plain.Run(t, build(plain), lowertest.Nothing), native.Run(t, build(native), lowerGiven)
	lowertest.CheckClose(t, got, want, 3e-6)
	if n := native.Count(Domain, "GeluGrad"); n != 2 {
		t.Errorf("%d native gradients, want 2", n)
	}
	if n := native.Count(Domain, "ReorderInput"); n != 1 {
		t.Errorf("%d reorders to blocks, want one, of the image", n)
	}
}
