package op

import (
	"fmt"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Normalisations of each row by itself.

// LayerNormalization normalises over the dimensions from axis on:
// (X − mean)/√(variance + epsilon)·Scale + B (Ba et al. 2016). The outputs Mean and InvStdDev
// have one element for each row: their dimensions from axis on are 1.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "LayerNormalization", Takes: Takes("X", "Scale!", "B!?"), Gives: Gives("Y", "Mean? .mean", "InvStdDev? .inverse_deviation"),
		Fields: Fields("axis", int64(-1), "epsilon", float32(1e-5), "stash_type", int64(1)),
	},
	From: 17,
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x := n.In("X")
		axis, err := axisOf(x, n.Int("axis"))
		if err != nil {
			return nil, err
		}
		for _, v := range n.Inputs[1:] {
			if shape, ok := broadcast(x.Shape, v.Shape); !ok || !shape.Equal(x.Shape) || v.Elem != x.Elem {
				return nil, fmt.Errorf("%s does not fit input %s", v, x)
			}
		}
		rows := slices.Clone(x.Shape)
		for i := axis; i < len(rows); i++ {
			rows[i] = graph.Fixed(1)
		}
		stash := graph.Type{Elem: graph.Elem(n.Int("stash_type")), Shape: rows}
		return []graph.Type{x.Type(), stash, stash}, nil
	},
	Gradient: layerNormGradient, // dX, dScale, dB by LayerNormalizationGrad
	Eval:     evalLayerNormalization,
})

// LayerNormalizationGrad computes the gradients of LayerNormalization (com.microsoft).
var _ = Register(&Operator{
	Schema: graph.Schema{
		Domain: Microsoft, Op: "LayerNormalizationGrad", Takes: Takes("Y_grad", "X", "scale", "mean", "inv_std_dev"),
		Gives: Gives("X_grad .dx", "scale_grad .dscale", "bias_grad .dbias"), Fields: Fields("axis", int64(-1)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		return like(n.In("X"), n.In("scale"), n.In("scale"))
	},
})

func layerNormGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	x, scale, bias := n.In("X"), n.In("Scale"), n.In("B")
	stash := graph.Type{Elem: graph.Elem(n.Int("stash_type"))}
	axis, err := axisOf(x, n.Int("axis"))
	if err != nil || !scale.Shape.Equal(x.Shape[axis:]) {
		b.Fail("differentiate %q: scale %s does not have one number for each element of a row of %s", n.Name, scale, x)
		return n.Inputs
	}
	stash.Shape = slices.Clone(x.Shape)
	for i := axis; i < len(x.Shape); i++ {
		stash.Shape[i] = graph.Fixed(1)
	}
	for len(n.Outputs) < 3 {
		b.AddOutput(n, n.Gives[len(n.Outputs)].Suffix, stash)
	}
	out := b.Do(Microsoft, "LayerNormalizationGrad", Call{
		Name: n.Name, Inputs: []*graph.Value{dy[0], x, scale, n.Outputs[1], n.Outputs[2]},
		Attributes: []graph.Attribute{{Name: "axis", Value: int64(axis)}},
	})
	grads := []*graph.Value{out[0], out[1], nil}
	if bias != nil && b.Wants(bias) {
		grads[2] = b.Shaped(n.Name+".db", out[2], bias.Shape)
	}
	return grads[:len(n.Inputs)]
}

func evalLayerNormalization(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x, epsilon := in[0], float64(n.Float("epsilon"))
	axis, err := axisIn(n.Int("axis"), len(x.Shape))
	if err != nil {
		return nil, err
	}
	size := product(x.Shape[axis:])
	rows := slices.Clone(x.Shape)
	for i := axis; i < len(rows); i++ {
		rows[i] = 1
	}
	y, err := newTensor(x.Elem, x.Shape...)
	if err != nil {
		return nil, err
	}
	stash := graph.Elem(n.Int("stash_type"))
	mean, inverse := &Tensor{Elem: stash, Shape: rows}, &Tensor{Elem: stash, Shape: rows}
	if stash != graph.Float {
		return nil, fmt.Errorf("attribute \"stash_type\" is %s, but only float32 is supported", stash)
	}
	mean.Floats, inverse.Floats = make([]float32, product(rows)), make([]float32, product(rows))
	var factors [2]*Tensor // scale and bias, expanded to the shape of x
	for i, v := range in[1:] {
		if v == nil {
			continue
		}
		if factors[i], err = expanded(v, x.Shape); err != nil {
			return nil, err
		}
	}
	for row := range product(rows) {
		m, v := moments(x, row*size, size)
		inv := 1 / math.Sqrt(v+epsilon)
		mean.Floats[row], inverse.Floats[row] = float32(m), float32(inv)
		for i := row * size; i < (row+1)*size; i++ {
			value := (x.At(i) - m) * inv * factors[0].At(i)
			if factors[1] != nil {
				value += factors[1].At(i)
			}
			y.set(i, value)
		}
	}
	return []*Tensor{y, mean, inverse}, nil
}

// moments returns the mean and the variance of n elements.
func moments(x *Tensor, from, n int) (mean, variance float64) {
	for i := from; i < from+n; i++ {
		mean += x.At(i)
	}
	mean /= float64(n)
	for i := from; i < from+n; i++ {
		variance += (x.At(i) - mean) * (x.At(i) - mean)
	}
	return mean, variance / float64(n)
}
