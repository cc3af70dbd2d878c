// Package native lowers graphs into onnxlab's own operators, wherever one fits. Only
// sessions that have the kernels of ort/kernels can run the result.
package native

import (
	"slices"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/lower/cpu"
	"onnxlab/onnxmodels/op"
)

// Lower rewrites a graph, for training or for inference, as package cpu does, but uses onnxlab's
// own operators. They work on blocks of `block` channels; 0 means that there are no such
// operators, and Lower is then cpu.Lower.
//
//	in the graph          onnxlab's operators
//	Conv 3x3, ConvGrad    Conv, ConvWeightGrad; they read the bytes of an ImageInput
//	BatchNorm             BatchNorm, with the ReLU after it and the average pool after that
//	BatchNormGrad         BatchNormGrad, with the gradients of these two before it
//
// If only convolutions read the result of a normalisation, they normalise its input themselves
// while they read it. The convolution before a normalisation measures the mean and the variance
// that it needs.
func Lower(g *graph.Graph, block int) { lowerOn(On(g, block)) }

// LowerGiven is Lower for given models, which have more operators than networks of onnxlab's own
// layers. It also replaces these:
//
//	in the graph                    onnxlab's operators
//	Conv, ConvGrad of any window,   Conv, ConvWeightGrad
//	grouped only if depthwise
//	MaxPool, MaxPoolGrad            MaxPool, MaxPoolGrad
//	Gemm, MatMul by a matrix        Gemm, with the addition of a bias after it
//	LayerNormalization, its         LayerNorm, LayerNormGrad
//	gradient, GeluGrad              GeluGrad
//	Clip behind BatchNorm or Conv   part of these, as ReLU is
//
// If channels do not make whole blocks, zeros fill up the last block. Lower does not do that,
// and leaves these operators alone, so that networks of our own still add numbers in the same
// order as before: training them again from the same seed gives the same model, bit for bit.
func LowerGiven(g *graph.Graph, block int) {
	b := On(g, block)
	b.Windows, b.Fills = true, true
	if b.Block > 0 { // otherwise cpu.Lower does it
		lower.Products(g)
	}
	lowerOn(b)
}

// LowerInference is LowerGiven for inference models, except that it does not fill up blocks and
// leaves MatMul to ONNX Runtime. Both would cost more here than the kernels gain: with them,
// mobilenet_v2 at 64x64 ran at 0.75 times the speed of ONNX Runtime alone, and a small ViT at
// 0.92 times.
func LowerInference(g *graph.Graph, block int) {
	b := On(g, block)
	b.Windows = true
	lowerOn(b)
}

func lowerOn(b Builder) {
	if b.Block == 0 {
		cpu.Lower(b.Graph)
		return
	}
	b.convolutions()
	if b.Windows {
		b.pools()
		b.products()
		b.layerNorms()
	}
	b.images()
	b.normalisations()
	lower.Portable(b.Graph)
	b.Passes()
	b.fuse()
	b.endConvolutions()
	if b.Windows {
		b.geluGrads()
	}
}

// convolutions replaces convolutions and their gradients by native operators.
func (b Builder) convolutions() {
	lower.Each(b.Graph, op.Microsoft, "ConvGrad", func(n *graph.Node) {
		x := n.In("X")
		if w, ok := b.window(x, n.In("W"), n.In("dY"), n); ok && (n.Out("dX") == nil || !b.IsFew(x)) {
			b.Substitute(n, func() []*graph.Value { return b.convGrad(n, w) })
		}
	})
	lower.Each(b.Graph, "", "Conv", func(n *graph.Node) {
		x, weight := n.In("X"), n.In("W")
		w, ok := b.window(x, weight, n.Out("Y"), n)
		if !ok {
			return
		}
		b.Substitute(n, func() []*graph.Value {
			y := b.NativeConv(n.Name+".native", b.AsTaken(n.Name+".in", x), weight, n.In("B"), w)
			if weight.Constant() {
				y.Producer().Set("constant", int64(1))
			}
			return []*graph.Value{b.ToPlain(n.Name+".plain", y, weight.Size(0))}
		})
	})
}

// convGrad returns replacements for the outputs of a ConvGrad. w is the convolution's window.
func (b Builder) convGrad(n *graph.Node, w Window) []*graph.Value {
	name, dy, x := n.Name, n.In("dY"), n.In("X")
	results := make([]*graph.Value, 3)
	if n.Out("dX") != nil {
		back := w
		if w.Stride > 0 { // not the zero value, whose results are as large as its images anyway
			back.Results = [2]int{x.Size(2), x.Size(3)}
		}
		dx := b.NativeConvInputGrad(name+".dx", b.ToBlocks(name+".dy", dy), n.In("W"), back)
		results[0] = b.ToPlain(name+".dx_plain", dx, x.Size(1))
	}
	if n.Out("dW") != nil {
		results[1] = b.NativeConvWeightGrad(name+".dw", b.AsTaken(name+".x", x), b.ToBlocks(name+".dw_dy", dy), n.In("W"), w)
	}
	if n.Out("dB") != nil {
		results[2] = b.GradientOf(n).BiasGradient()
	}
	return results[:len(n.Outputs)]
}

// images lets native operators read the bytes of an image input.
func (b Builder) images() {
	for _, n := range b.Nodes {
		if !n.Is(Domain, "Conv") && !n.Is(Domain, "ConvWeightGrad") {
			continue
		}
		if image := n.In("X").Producer(); image.Is(op.Marked, "ImageInput") {
			n.SetIn("X", image.In("Bytes"))
			n.Set("scale", image.Float("scale"))
		}
	}
}

// normalisations replaces batch normalisations and their gradients by native operators. Each
// includes the ReLU and then the average pool that follow it, if nothing else reads the values
// between them.
func (b Builder) normalisations() {
	lower.Each(b.Graph, op.Microsoft, "BatchNormalizationGrad", b.normGrad)
	b.Prune() // the gradients of ReLUs and pools are now part of the new operators
	lower.Each(b.Graph, op.Marked, "BatchNorm", b.norm)
}

// relu returns the ReLU that is the only user of a normalisation's result, or nil. A Clip
// between 0 and a ceiling, such as ReLU6, counts as a ReLU. Without a ceiling, ceiling is 0.
func (b Builder) relu(y *graph.Value) (n *graph.Node, ceiling float32) {
	if n = b.only(y, "Relu"); n != nil {
		return n, 0
	}
	n = b.only(y, "Clip")
	if !b.Windows || n == nil {
		return nil, 0
	}
	low, high := n.In("min"), n.In("max")
	if low == nil || high == nil || !low.Constant() || !high.Constant() || low.Floats()[0] != 0 || !(high.Floats()[0] > 0) {
		return nil, 0
	}
	return n, high.Floats()[0]
}

// only returns the node that is the only user of a value, if it is the named ONNX
// operator; otherwise nil.
func (b Builder) only(v *graph.Value, name string) *graph.Node {
	users := b.Users(v)
	if len(users) != 1 || b.Uses(v) != 1 || !users[0].Is("", name) {
		return nil
	}
	return users[0]
}

func (b Builder) norm(n *graph.Node) {
	x := n.In("X")
	if !b.Fits(x) {
		return
	}
	relu, ceiling := b.relu(n.Out("Y"))
	end := n.Out("Y") // the last value that the new operator covers
	if relu != nil {
		end = relu.Outputs[0]
	}
	pool, side := b.pool(end)
	var y *graph.Value
	b.Substitute(n, func() []*graph.Value {
		out := b.NativeBatchNorm(n.Name+".native", b.ToBlocks(n.Name+".in", x), n.In("Scale"), n.In("Bias"), n.Float("epsilon"),
			BatchNormOptions{ReLU: relu != nil, Ceiling: ceiling, Pool: side})
		y = b.ToPlain(n.Name+".plain", out.Y, x.Size(1))
		return []*graph.Value{y, out.Mean, out.InverseDeviation, out.Variance}
	})
	for _, within := range []*graph.Node{relu, pool} {
		if within != nil {
			b.Substitute(within, func() []*graph.Value { return []*graph.Value{y} })
		}
	}
}

// pool returns the average pool that is the only user of the images, and the side of its
// windows. It returns nil and 0 if there is no such pool, or if its windows are not square or do
// not tile the images.
func (b Builder) pool(images *graph.Value) (*graph.Node, int) {
	if n := b.only(images, "GlobalAveragePool"); n != nil && images.Size(2) == images.Size(3) {
		return n, images.Size(2)
	}
	if n := b.only(images, "AveragePool"); n != nil {
		if w := op.WindowOf(n); lower.Tiles(w, images) && w.Kernel[0] == w.Kernel[1] {
			return n, w.Kernel[0]
		}
	}
	return nil, 0
}

func (b Builder) normGrad(n *graph.Node) {
	dy, x, norm := n.In("dY"), n.In("X"), n.In("mean").Producer()
	if !b.Fits(x) || !norm.Is(op.Marked, "BatchNorm") {
		return
	}
	relu, ceiling := b.relu(norm.Out("Y"))
	if relu != nil {
		mask := dy.Producer()
		if !mask.Is(op.Microsoft, "ReluGrad") && !mask.Is(op.Marked, "ClipGrad") || mask.Inputs[1] != relu.Outputs[0] {
			return
		}
		dy = mask.In("dY")
	}
	dy, side := spread(dy)
	vectors := Norm{Scale: n.In("scale"), Bias: norm.In("Bias"), Mean: n.In("mean"), InverseDeviation: n.In("inv_std")}
	b.Substitute(n, func() []*graph.Value {
		dx, dscale, dbias := b.NativeBatchNormGrad(n.Name+".native", b.ToBlocks(n.Name+".in", dy), b.ToBlocks(n.Name+".x", x),
			vectors, BatchNormOptions{ReLU: relu != nil, Ceiling: ceiling, Pool: side})
		return []*graph.Value{b.ToPlain(n.Name+".plain", dx, x.Size(1)), dscale, dbias}
	})
}

// spread looks through the gradient of an average pool. If dy is what such a gradient
// spread over square windows that tile the images, it returns the gradient with respect to the
// pool's result, and the side of the windows. Otherwise it returns dy and 0.
func spread(dy *graph.Value) (pooled *graph.Value, side int) {
	n := dy.Producer()
	switch {
	case n.Is(op.Marked, "GlobalAveragePoolGrad"):
		if x := n.In("X"); x.Size(2) == x.Size(3) {
			return n.In("dY"), x.Size(2)
		}
	case n.Is(op.Marked, "AveragePoolGrad"):
		if w := op.WindowOf(n); lower.Tiles(w, n.In("X")) && w.Kernel[0] == w.Kernel[1] {
			return n.In("dY"), w.Kernel[0]
		}
	}
	return dy, 0
}

// fuse lets convolutions compute a normalisation's result if only convolutions read it, and lets
// the convolution before a normalisation measure the moments.
func (b Builder) fuse() {
	lower.Each(b.Graph, Domain, "BatchNorm", func(norm *graph.Node) {
		y := norm.Out("Y")
		readers := b.Users(y)
		reads := func(n *graph.Node) bool {
			return n.Domain == Domain && (n.Op == "Conv" || n.Op == "ConvWeightGrad") && n.In("X") == y
		}
		if norm.Int("pool") == 1 && len(readers) > 0 && b.Uses(y) == len(readers) && !slices.ContainsFunc(readers, func(n *graph.Node) bool { return !reads(n) }) {
			for _, reader := range readers {
				normalise(reader, norm)
			}
			norm.Outputs[0] = nil
		}
	})
	lower.Each(b.Graph, Domain, "BatchNorm", func(norm *graph.Node) {
		if conv := norm.In("X").Producer(); conv.Is(Domain, "Conv") && !conv.Flag("flipped") {
			b.measure(conv, norm)
		}
	})
	b.Prune()
}

// normalise makes reader, whose X is the normalisation's Y, take the normalisation's X
// instead and normalise it while reading.
func normalise(reader, norm *graph.Node) {
	reader.SetIn("X", norm.In("X"))
	reader.SetIn("Scale", norm.In("Scale"))
	reader.SetIn("Bias", norm.In("Bias"))
	reader.SetIn("Mean", norm.Out("Mean"))
	reader.SetIn("InverseDeviation", norm.Out("InverseDeviation"))
	reader.Set("relu", norm.Int("relu"))
	reader.Set("ceiling", norm.Float("ceiling"))
}

// measure makes a convolution output the moments of its result, and the normalisation
// that follows take them.
func (b Builder) measure(conv, norm *graph.Node) {
	if conv.Out("Moments") == nil { // it has them already if another normalisation takes them too
		b.AddOutput(conv, ".moments", momentsOf(conv.Name, conv.Out("Y").Shape[1]))
	}
	norm.SetIn("Moments", conv.Out("Moments"))
}
