package graph

// BatchNorm is the values that a training-mode batch normalisation makes.
type BatchNorm struct {
	Y *Value
	// Mean and InverseDeviation are those of the batch: [c].
	Mean, InverseDeviation *Value
}

// BatchNormTraining appends x [n, c, h, w] normalised by the batch's own mean
// and biased variance, then scaled and shifted. The running statistics are
// inputs of the operator but left as they are: its momentum is 1
// (com.microsoft BatchNormInternal).
func (g *Graph) BatchNormTraining(name string, x, scale, bias, mean, variance *Value, epsilon float32) BatchNorm {
	inputs := []*Value{x, scale, bias, mean, variance}
	if !g.expect("BatchNormInternal", name, x, Float, 4, 1) || !g.channels(name, x, inputs[1:]) {
		return BatchNorm{x, x, x}
	}
	out := g.node(Microsoft, "BatchNormInternal", name, inputs,
		[]Attribute{{"epsilon", epsilon}, {"momentum", float32(1)}, {"training_mode", int64(1)}},
		like(".out", x), like(".running_mean", mean), like(".running_var", variance),
		like(".mean", mean), like(".inverse_deviation", mean))
	return BatchNorm{out[0], out[3], out[4]}
}

// BatchNormInference appends x [n, c, h, w] normalised by the given mean and
// variance.
func (g *Graph) BatchNormInference(name string, x, scale, bias, mean, variance *Value, epsilon float32) *Value {
	inputs := []*Value{x, scale, bias, mean, variance}
	if !g.expect("BatchNormalization", name, x, Float, 4, 1) || !g.channels(name, x, inputs[1:]) {
		return x
	}
	return g.op("BatchNormalization", name, x.Elem, x.Shape, inputs, Attribute{"epsilon", epsilon})
}

func (g *Graph) channels(name string, x *Value, vectors []*Value) bool {
	for _, v := range vectors {
		if len(v.Shape) != 1 || v.Shape[0] != x.Shape[1] {
			g.Fail("BatchNormalization %q: %s does not fit input %s", name, v, x)
			return false
		}
	}
	return true
}

// BatchNormGrad appends the gradients of y = BatchNormTraining(x)
// (com.microsoft BatchNormalizationGrad).
func (g *Graph) BatchNormGrad(name string, dy, x, scale, mean, inverseDeviation *Value, epsilon float32) (dx, dscale, dbias *Value) {
	out := g.node(Microsoft, "BatchNormalizationGrad", name, []*Value{dy, x, scale, mean, inverseDeviation},
		[]Attribute{{"epsilon", epsilon}}, like(".dx", x), like(".dscale", scale), like(".dbias", scale))
	return out[0], out[1], out[2]
}

// Accumulate appends an addition of value to the buffer, in place, or an
// assignment where the boolean vector overwrite, which may be nil, is true. It
// returns the flag that the operator gives (com.microsoft
// InPlaceAccumulatorV2).
func (g *Graph) Accumulate(flag string, buffer, value, overwrite *Value) *Value {
	if !g.same("InPlaceAccumulatorV2", flag, buffer, value) {
		return value
	}
	inputs := []*Value{buffer, value}
	if overwrite != nil {
		inputs = append(inputs, overwrite)
	}
	v := g.node(Microsoft, "InPlaceAccumulatorV2", flag, inputs, nil, typed{"", Bool, Static(1)})[0]
	if v.Name != flag {
		g.Rename(v, flag)
	}
	return v
}
