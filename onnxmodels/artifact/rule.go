package artifact

import (
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// rule is the optimizer's rule as a part of the training graph. It takes the mean
// gradient of a batch and writes the step into the buffers of the gradients; the optimizer
// model subtracts it from the parameters.
//
// All parameters are joined to one vector, those with weight decay first, so that the rule is a
// few operators over long vectors. Its state consists of long vectors too: tensors of the
// checkpoint that are not parameters of a layer, and that are updated in place, as running
// statistics are.
type rule struct {
	op.Builder
	Options
	weights   []Weight
	gradients []*graph.Value // one for each weight, summed over micro-batches
	buffers   []*graph.Value
	rate      *graph.Value // the learning rate of the step, float32 [1]
	// missing is the number of micro-batches of the step that are still to come, and last is
	// true if there are none. Both are nil if a step has only one micro-batch. ready is true
	// in the last micro-batch if the gradients are finite; it is nil if it is always true.
	missing, last, ready *graph.Value

	updated []*graph.Value
	tensors []checkpoint.Tensor // the rule's state
}

// Weight is a parameter that is trained.
type Weight struct {
	// Value is the parameter itself, under its name. Gradient is the gradient of a micro-batch's
	// mean loss with respect to it. Average is its moving average, or nil if there is none.
	Value, Gradient, Average *graph.Value
	// Decay says that weight decay applies.
	Decay bool
	// Multiplier is the factor by which its learning rate is multiplied.
	Multiplier float32
}

// Update says what a rule updates, and in which training graph.
type Update struct {
	// Builder is the builder of the training graph.
	op.Builder
	Weights []Weight
	// Rate is the learning rate, float32 [1]. Reset is a bool [1] that is true in the first
	// micro-batch of a step.
	Rate, Reset *graph.Value
}

// Append appends the optimizer's rule to the training graph. It returns flags, one for each
// updated tensor, which must become outputs of the graph, and the tensors of the rule's state
// with their values before the first step. Call it only if o.Updates is true.
func (u Update) Append(o Options) (updated []*graph.Value, state []checkpoint.Tensor) {
	u.Prefix(BackwardPrefix + StatePrefix) // so that a profile shows the rule as one layer
	r := &rule{Builder: u.Builder, Options: o, rate: u.Rate}
	for _, decays := range []bool{true, false} {
		for _, w := range u.Weights {
			if (w.Decay || o.DecayAll) == decays {
				r.weights, r.gradients = append(r.weights, w), append(r.gradients, w.Gradient)
			}
		}
	}
	for _, w := range r.weights {
		r.buffers = append(r.buffers, r.Input(w.Value.Name+GradientBufferSuffix, w.Value.Elem, w.Value.Shape))
	}
	r.accumulate(u.Reset)
	g := r.clipped(r.flat("gradient", r.gradients))
	if o.adaptive() {
		r.finish(r.adam(g))
	} else {
		r.finish(r.momentum(g))
	}
	return r.updated, r.tensors
}

// accumulate adds up the gradients of a step's micro-batches and counts the micro-batches.
func (r *rule) accumulate(reset *graph.Value) {
	if r.MicroBatches <= 1 {
		return
	}
	for i := range r.weights {
		r.gradients[i] = r.Moved("sum", r.buffers[i], r.gradients[i], reset)
	}
	count := r.Moved("micro_batch", r.state("micro_batch", 1), r.vector("one", 1), reset)
	r.missing = r.Binary("Sub", "missing", r.vector("micro_batches", float32(r.MicroBatches)), count)
	r.last = r.Compare("Equal", "last", r.missing, r.vector("none", 0))
	r.ready = r.last
	r.rate = r.Binary("Mul", "rate", r.rate, r.vector("micro_batches", float32(r.MicroBatches)))
}

// clipped scales the gradient down to ClipNorm, as PyTorch's clip_grad_norm_ does. In mixed
// precision it also checks whether the gradient is finite.
func (r *rule) clipped(g *graph.Value) *graph.Value {
	if r.ClipNorm == 0 && !r.Mixed {
		return g
	}
	norm := r.View("norm", r.L2Norm("norm.scalar", g), 1)
	if r.Mixed {
		r.askFinite(norm)
	}
	if r.ClipNorm == 0 {
		return g
	}
	most := r.Binary("Div", "clip.ratio", r.vector("clip.norm", r.ClipNorm), r.Binary("Add", "clip.above", norm, r.vector("clip.epsilon", 1e-6)))
	return r.scaled("clip", g, r.Binary("Min", "clip.factor", most, r.vector("clip.one", 1)))
}

// askFinite makes ready also require that the norm is finite. If it is not, norm − norm is NaN,
// which does not equal 0.
func (r *rule) askFinite(norm *graph.Value) {
	difference := r.Binary("Sub", "finite", norm, norm)
	if r.last != nil {
		difference = r.Binary("Add", "finite.last", difference, r.missing)
	}
	r.ready = r.Compare("Equal", "ready", difference, r.vector("zero", 0))
}

// momentum appends SGD: v ← μ·v + rate·g with the step v, or, with a momentum correction,
// v ← μ·v + g with the step rate·v. Nesterov's step uses what the next v would be with the same
// gradient. LARS scales the gradient of each layer before that.
func (r *rule) momentum(gradient *graph.Value) *graph.Value {
	g := r.decayed(gradient)
	if r.Options.Optimizer == OptimizerLARS {
		g = r.lars(gradient, g)
	}
	if !r.MomentumCorrection {
		g = r.scaled("rated", g, r.rate)
	}
	step := g
	if r.Momentum > 0 {
		v := r.state("velocity", int(g.Shape[0].Size))
		change := r.Binary("Sub", "velocity.change", g, r.scaled("velocity.lost", v, r.vector("one_less_mu", 1-r.Momentum)))
		step = r.moved("velocity", v, change)
		if r.Nesterov {
			step = r.Binary("Add", "nesterov", g, r.scaled("nesterov.ahead", step, r.vector("mu", r.Momentum)))
		}
	}
	if r.MomentumCorrection {
		step = r.scaled("rated", step, r.rate)
	}
	return step
}

// adam appends Adam in PyTorch's form: rate/(1 − β₁ᵗ)·m / (√(v/(1 − β₂ᵗ)) + ε), where m and v are
// the moving averages of the gradients and of their squares. AdamW adds rate·λ·w; so does LAMB,
// which then scales the step of each layer.
func (r *rule) adam(g *graph.Value) *graph.Value {
	if r.Options.Optimizer == OptimizerAdam {
		g = r.decayed(g)
	}
	m, filled1 := r.average("first_moment", g, r.Beta1)
	v, filled2 := r.average("second_moment", r.Binary("Mul", "square", g, g), r.Beta2)
	root := r.Binary("Div", "deviation", r.Unary("Sqrt", "root", v), r.Unary("Sqrt", "second_moment.correction", filled2))
	divisor := r.Binary("Add", "divisor", root, r.vector("epsilon", float32(r.Epsilon)))
	step := r.Binary("Div", "direction", m, divisor)
	rate := r.Binary("Div", "first_moment.rate", r.rate, filled1)
	if r.Options.Optimizer == OptimizerAdam {
		return r.scaled("step", step, rate)
	}
	step = r.scaled("adam", step, rate)
	if r.decaying() > 0 {
		step = r.Binary("Add", "step", step, r.decay(r.Binary("Mul", "decay.rate", r.rate, r.vector("decay.factor", r.WeightDecay))))
	}
	if r.Options.Optimizer == OptimizerLAMB {
		step = r.lamb(step)
	}
	return step
}

// average updates the moving average a ← a + (1 − β)·(x − a). It also returns the same average of
// ones, filled, which after t steps is 1 − βᵗ: the share of a that comes from x and not from the
// first zeros. Computing it as an average avoids the rounding of βᵗ near 1.
func (r *rule) average(name string, x *graph.Value, beta float64) (a, filled *graph.Value) {
	share := r.vector(name+".share", float32(1-beta))
	move := func(name string, x *graph.Value, size int) *graph.Value {
		old := r.state(name, size)
		return r.moved(name, old, r.scaled(name+".change", r.Binary("Sub", name+".distance", x, old), share))
	}
	return move(name, x, int(x.Shape[0].Size)), move(name+"_filled", r.vector("one", 1), 1)
}

// finish writes the step into the buffers. If the micro-batch is not the last one, it writes the
// sum of the gradients instead, and if the gradients are not finite, zeros. Then it updates the
// averages of the parameters.
func (r *rule) finish(step *graph.Value) {
	step = r.multipliedSteps(step)
	if r.Mixed {
		step = r.Where("step.finite", r.ready, step, r.vector("zero", 0))
	}
	if r.last != nil {
		step = r.Where("step.last", r.last, step, r.flat("sums", r.gradients))
	}
	var share *graph.Value
	if r.Averages() {
		share = r.averageShare()
	}
	always := r.Cast("always", r.vector("one", 1), graph.Bool)
	for i, part := range r.Parts("steps", step, r.sizes(len(r.weights))...) {
		w := r.weights[i]
		shaped := r.View("step.part", part, w.Value.Shape.Sizes()...)
		r.updated = append(r.updated, r.Accumulate(w.Value.Name+GradientFlagSuffix, r.buffers[i], shaped, always))
		if share != nil {
			r.averageOf(w, shaped, share)
		}
	}
}

// sizes returns the sizes of the first n parameters, and the size of all others together if there
// are any.
func (r *rule) sizes(n int) []int {
	sizes := make([]int, n, n+1)
	rest := 0
	for i, w := range r.weights {
		if size, _ := w.Value.Shape.Elements(); i < n {
			sizes[i] = size
		} else {
			rest += size
		}
	}
	if rest > 0 {
		sizes = append(sizes, rest)
	}
	return sizes
}

// decayed appends g + λ·w for the parameters w with weight decay.
func (r *rule) decayed(g *graph.Value) *graph.Value {
	if r.decaying() == 0 {
		return g
	}
	return r.Binary("Add", "gradient.decayed", g, r.decay(r.vector("decay.factor", r.WeightDecay)))
}

// decaying returns the number of parameters with weight decay, which come first.
func (r *rule) decaying() int {
	n := 0
	for r.WeightDecay > 0 && n < len(r.weights) && (r.weights[n].Decay || r.DecayAll) {
		n++
	}
	return n
}

// decay appends a vector: factor times the parameters with weight decay, and zeros for the others.
func (r *rule) decay(factor *graph.Value) *graph.Value {
	var parts []*graph.Value
	rest := 0
	for i, w := range r.weights {
		if i < r.decaying() {
			parts = append(parts, w.Value)
			continue
		}
		size, _ := w.Value.Shape.Elements()
		rest += size
	}
	if rest > 0 {
		parts = append(parts, r.Floats("decay.none", []int{rest}, make([]float32, rest)))
	}
	return r.scaled("decay", r.flat("decay.weights", parts), factor)
}

// state declares a tensor of the checkpoint that is 0 before the first step.
func (r *rule) state(name string, size int) *graph.Value {
	t := checkpoint.Tensor{Name: StatePrefix + name, Shape: []int{size}, Data: make([]float32, size)}
	r.tensors = append(r.tensors, t)
	return r.Input(t.Name, graph.Float, graph.Static(size))
}

// moved adds the change to the state if ready is true, and returns the state.
func (r *rule) moved(name string, state, change *graph.Value) *graph.Value {
	if r.ready != nil {
		change = r.Where(name+".ready", r.ready, change, r.vector("zero", 0))
	}
	return r.Moved(name, state, change, nil)
}

// flat joins values to one vector.
func (r *rule) flat(name string, values []*graph.Value) *graph.Value {
	parts, size := make([]*graph.Value, len(values)), 0
	for i, v := range values {
		n, _ := v.Shape.Elements()
		if parts[i] = v; len(v.Shape) != 1 {
			parts[i] = r.View(name+".part", v, n)
		}
		size += n
	}
	return r.Concat(name, parts, 0, graph.Fixed(size))
}

func (r *rule) scaled(name string, x, factor *graph.Value) *graph.Value {
	return r.Binary("Mul", name, x, factor)
}

// vector appends a constant vector of one element.
func (r *rule) vector(name string, value float32) *graph.Value {
	return r.Floats(name, []int{1}, []float32{value})
}
