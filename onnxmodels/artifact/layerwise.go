package artifact

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// LARS and LAMB scale the step of each layer by the norm of the layer's parameters. As is
// usual, biases and the parameters of BatchNorm, which have no weight decay, are trained
// with plain momentum SGD or Adam: their norms say little about how far they may move.

// lars returns, for each layer's gradient g and parameters w,
//
//	(g + λ·w) · η·‖w‖ / (‖g‖ + λ·‖w‖)
//
// where η is the trust coefficient: equation 6 of You et al. 2017. decayed is g + λ·w.
func (r *rule) lars(g, decayed *graph.Value) *graph.Value {
	n := r.scaledLayers()
	gradients := r.Parts("lars.gradients", g, r.sizes(n)...)
	return r.layers("lars", decayed, n, func(name string, i int, part *graph.Value) *graph.Value {
		w, g := r.norm(name+".weight", r.weights[i].Value), r.norm(name+".gradient", gradients[i])
		divisor := g
		if r.WeightDecay > 0 {
			divisor = r.Binary("Add", name+".divisor", g, r.scaled(name+".decay", w, r.vector("decay.factor", r.WeightDecay)))
		}
		ratio := r.Binary("Div", name+".ratio", r.scaled(name+".share", w, r.vector("trust", r.TrustCoefficient)), divisor)
		return r.scaled(name+".step", part, r.trusted(name, ratio, w, g))
	})
}

// lamb returns each layer's step u, which includes the rate, times ‖w‖/‖u/rate‖:
// algorithm 2 of You et al. 2020, with the identity for φ.
func (r *rule) lamb(step *graph.Value) *graph.Value {
	return r.layers("lamb", step, r.scaledLayers(), func(name string, i int, part *graph.Value) *graph.Value {
		w, u := r.norm(name+".weight", r.weights[i].Value), r.norm(name+".update", part)
		ratio := r.Binary("Div", name+".ratio", r.scaled(name+".share", w, r.rate), u)
		return r.scaled(name+".step", part, r.trusted(name, ratio, w, u))
	})
}

// scaledLayers returns the number of parameters whose steps are scaled. They come first.
func (r *rule) scaledLayers() int {
	n := 0
	for n < len(r.weights) && (r.weights[n].Decay || r.DecayAll) {
		n++
	}
	return n
}

// trusted returns the ratio, or 1 if one of the norms that it is made of is 0.
func (r *rule) trusted(name string, ratio, x, y *graph.Value) *graph.Value {
	none := r.Compare("Equal", name+".none", r.Binary("Min", name+".least", x, y), r.vector("zero", 0))
	return r.Where(name+".trusted", none, r.vector("one", 1), ratio)
}

// layers applies change to those parts of a vector that belong to the first n parameters.
func (r *rule) layers(name string, v *graph.Value, n int, change func(name string, i int, part *graph.Value) *graph.Value) *graph.Value {
	parts := slices.Clone(r.Parts(name+".parts", v, r.sizes(n)...))
	for i := range n {
		parts[i] = change(name+"."+r.weights[i].Value.Name, i, parts[i])
	}
	return r.Concat(name, parts, 0, v.Shape[0])
}

// norm returns the L2 norm of a value, as a vector of one element.
func (r *rule) norm(name string, v *graph.Value) *graph.Value {
	return r.View(name+"_norm", r.L2Norm(name+"_norm.scalar", v), 1)
}
