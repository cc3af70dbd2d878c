package onnxmodels

import (
	"hash/fnv"

	"onnxlab/onnxmodels/graph"
)

// hashPrime is the prime 2³¹ − 1: products of numbers below it fit an int64.
const hashPrime = 1<<31 - 1

// Dropout sets each value to 0 with probability rate, in [0, 1), while
// training, and scales the others by 1/(1 − rate) (Srivastava et al. 2014, in
// the inverted form that Keras uses).
//
// The choice of the values that are dropped is computed with integers, from the
// graph's input "dropout_seed" (int64 [1], in 0..2³¹−2) and the index of each
// value. Unlike with ONNX Runtime's own Dropout, it is the same on every device
// and in every run. The trainer feeds a new seed for each micro-batch.
func Dropout(name string, rate float32) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		if !(rate >= 0 && rate < 1) {
			b.Fail("dropout %q: rate %v is outside 0..1 (1 excluded)", b.Name(name), rate)
			return x
		}
		if !b.Training || rate == 0 {
			return x
		}
		d := dropout{b, b.Name(name)}
		keep := d.Compare("Less", d.name+".keep", d.hash(x),
			d.integer("threshold", int64(float64(hashPrime)*(1-float64(rate)))))
		scale := d.Binary("Mul", d.name+".scale", d.Cast(d.name+".mask", keep, x.Elem),
			d.As(x.Elem, d.Scalar(d.name+".inverse", 1/(1-rate))))
		mask := d.Reshape(d.name+".shaped", scale, d.ShapeOf(d.name+".shape", x), x.Shape)
		return d.Binary("Mul", d.name, x, mask)
	})
}

// dropout is one Dropout layer being built.
type dropout struct {
	*Builder
	name string
}

// hash returns a number in 0..hashPrime−1 for each element of x: two rounds of
// squaring modulo the prime, each mixed with the index and the key.
func (d dropout) hash(x *graph.Value) *graph.Value {
	size, _ := x.Shape[1:].Elements()
	index := d.Range(d.name+".index", d.SizeOf(d.name+".size", x), d.name+".elements")
	index = d.turns(d.name, index, x.Shape[0], size)
	key := d.key()
	h := d.mod("mixed", d.plus("mixed", d.times("mixed", index, d.integer("factor", 48271)), key))
	h = d.mod("squared", d.plus("squared", d.times("squared", h, h), index))
	h = d.mod("remixed", d.plus("remixed", d.times("remixed", h, d.integer("factor", 69621)), key))
	h = d.mod("resquared", d.plus("resquared", d.times("resquared", h, h), index))
	return d.mod("final", d.times("final", h, d.integer("factor", 16807)))
}

// key mixes the seed of the micro-batch with the layer's name.
func (d dropout) key() *graph.Value {
	if d.dropoutSeed == nil {
		d.dropoutSeed = d.Input(InputDropoutSeed, graph.Int64, graph.Static(1))
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(d.name)) // a hash's Write never fails
	salted := d.plus("salted", d.dropoutSeed, d.integer("salt", int64(h.Sum64()%hashPrime)))
	mixed := d.times("key", d.mod("salted", salted), d.integer("factor", 39373))
	return d.mod("key", mixed)
}

func (d dropout) integer(what string, v int64) *graph.Value {
	return d.Ints(d.name+"."+what, v)
}

func (d dropout) times(what string, a, b *graph.Value) *graph.Value {
	return d.Binary("Mul", d.name+"."+what+".product", a, b)
}

func (d dropout) plus(what string, a, b *graph.Value) *graph.Value {
	return d.Binary("Add", d.name+"."+what+".sum", a, b)
}

func (d dropout) mod(what string, a *graph.Value) *graph.Value {
	return d.Binary("Mod", d.name+"."+what, a, d.integer("prime", hashPrime))
}
