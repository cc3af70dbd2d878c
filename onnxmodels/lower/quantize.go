package lower

import (
	"encoding/binary"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// Range is the range of a value's elements.
type Range struct{ Min, Max float32 }

// weightLimit is the largest quantized weight: weights have 7 bits. With 8 bits, processors
// that have AVX2 or AVX-512 but not VNNI would saturate: on these, ONNX Runtime adds two
// products with bytes of 0..255 in 16 bits, which can hold 2·255·64 but not 2·255·127.
const weightLimit = 64

// integral lists the operators that ONNX Runtime computes in integers if their inputs and
// outputs are quantized. An Add with a constant is not computed in integers. Products with a
// constant matrix need only a quantized input: see byMatrix.
var integral = map[string]bool{
	"Conv": true, "Gemm": true, "AveragePool": true, "GlobalAveragePool": true, "MaxPool": true, "Add": true, "Flatten": true,
}

// Quantize converts a graph to ONNX's QDQ format. It puts a QuantizeLinear and a
// DequantizeLinear behind each input and output of the integral operators and behind the first
// input of a product with a constant matrix, and turns weights and biases into dequantized
// constants. The graph still computes in float32. But ONNX Runtime turns operators between
// such pairs into operators on integers, and a product of two dequantized values into a
// product of integers whose sums are converted to float32.
//
//	values   uint8, with one scale and zero point for the whole value, from its range
//	         extended to 0
//	weights  int8 in −64..64, with a scale for each output channel
//	biases   int32, with the scale of the products
//
// The outputs of the graph stay float32, and so does a value between a convolution and the
// ReLU behind it. ranges maps the names of values to their ranges. A range that is missing
// or not finite is a mistake of the graph.
func Quantize(g *graph.Graph, ranges map[string]Range) {
	q := &quantizer{Builder: op.On(g), ranges: ranges, quantized: map[*graph.Value]quantization{}}
	Each(g, "", "DequantizeLinear", func(n *graph.Node) {
		q.quantized[n.Out("y")] = quantization{n.In("x_scale"), n.In("x_zero_point")}
	})
	for _, v := range q.chosen() {
		q.value(v)
	}
	Each(g, "", "Conv", func(n *graph.Node) { q.weights(n, "X", "W", "B", 0) })
	Each(g, "", "Gemm", func(n *graph.Node) {
		if !n.Flag("transA") && n.Float("alpha") == 1 && n.Float("beta") == 1 {
			q.weights(n, "A", "B", "C", 1-int(n.Int("transB")))
		}
	})
	Each(g, "", "MatMul", func(n *graph.Node) {
		if byMatrix(n) {
			q.weights(n, "A", "B", "", 1)
		}
	})
	g.Prune()
}

// quantization is the scale and the zero point with which a value is quantized.
type quantization struct{ scale, zero *graph.Value }

type quantizer struct {
	op.Builder
	ranges    map[string]Range
	quantized map[*graph.Value]quantization // by the output of DequantizeLinear
}

// chosen returns the values to quantize, in the order of the graph.
func (q *quantizer) chosen() []*graph.Value {
	wanted := map[*graph.Value]bool{}
	for _, n := range q.Nodes {
		switch {
		case byMatrix(n):
			wanted[n.In("A")] = true
		case n.Domain != "" || !integral[n.Op] || n.Op == "Add" && slices.ContainsFunc(n.Inputs, (*graph.Value).Constant):
		default:
			for _, v := range append(slices.Clone(n.Inputs), n.Outputs[0]) {
				wanted[v] = true
			}
		}
	}
	var chosen []*graph.Value
	for _, n := range q.Nodes {
		for _, v := range n.Outputs {
			if wanted[v] && v.Elem == graph.Float && !n.Is("", "DequantizeLinear") && !slices.Contains(q.Outputs, v) && !q.rectified(v) {
				chosen = append(chosen, v)
			}
		}
	}
	return chosen
}

// byMatrix tells whether a node is the product of values and a constant matrix, as dense layers
// of transformers are. The sums are not quantized before their bias is added.
func byMatrix(n *graph.Node) bool {
	return n.Is("", "MatMul") && n.In("B").Constant() && len(n.In("B").Shape) == 2
}

// rectified tells whether only a ReLU uses the value. Then the output of the ReLU is quantized
// instead, and the ReLU costs nothing.
func (q *quantizer) rectified(v *graph.Value) bool {
	users := q.Users(v)
	return len(users) == 1 && users[0].Is("", "Relu")
}

// value puts a pair of QuantizeLinear and DequantizeLinear behind v.
func (q *quantizer) value(v *graph.Value) {
	n := v.Producer()
	var s quantization
	var integers, float *graph.Value
	q.After(n, func() {
		same := false
		if n.Is("", "Flatten") || n.Is("", "MaxPool") { // the outputs are elements of the input
			s, same = q.quantized[n.Inputs[0]]
		}
		if !same {
			s = q.quantizationOf(v)
		}
		integers = q.Quantize(v.Name+".quantize", v, s.scale, s.zero)
		float = q.Dequantize(v.Name+".dequantize", integers, s.scale, s.zero, 1)
	})
	if q.Err() != nil {
		return
	}
	q.Replace(v, float)
	integers.Producer().SetIn("x", v)
	q.quantized[float] = s
}

// quantizationOf computes the scale and the zero point of a value from its range. The range is
// extended to 0, which is represented without error, because pads are 0.
func (q *quantizer) quantizationOf(v *graph.Value) quantization {
	r, ok := q.ranges[v.Name]
	low, high := float64(min(r.Min, 0)), float64(max(r.Max, 0))
	if width := high - low; !ok || math.IsNaN(width) || math.IsInf(width, 0) {
		q.Fail("the range of %q is not known or not finite", v.Name)
		return quantization{q.Scalar(v.Name+".scale", 1), q.Constant(v.Name+".zero_point", graph.Uint8, nil, []byte{0})}
	}
	scale := float32(max((high-low)/math.MaxUint8, tiny))
	zero := uint8(math.Round(-low / float64(scale)))
	return quantization{q.Scalar(v.Name+".scale", scale), q.Constant(v.Name+".zero_point", graph.Uint8, nil, []byte{zero})}
}

// tiny is the smallest scale. It is the scale of values and weights that are all 0, so that
// neither it nor the scale of their products is 0.
const tiny = 1e-15

// weights quantizes the constants of a node whose input is quantized: the weight, with a scale
// for each index along the axis, and the bias, unless its name is empty.
func (q *quantizer) weights(n *graph.Node, input, weight, bias string, axis int) {
	x, w := n.In(input), n.In(weight)
	var b *graph.Value
	if bias != "" {
		b = n.In(bias)
	}
	s, ok := q.quantized[x]
	if !ok || !w.Constant() || b != nil && (!b.Constant() || len(b.Shape) != 1) {
		return
	}
	values, biases := w.Floats(), make([]float32, w.Size(axis))
	if b != nil {
		if len(b.Floats()) != len(biases) {
			return // one bias for all channels is not supported
		}
		copy(biases, b.Floats())
	}
	inner, _ := w.Shape[axis+1:].Elements()
	channel := func(i int) int { return i / inner % len(biases) }
	scales := weightScales(values, biases, channel, s.scale.Floats()[0])
	integers := make([]byte, len(values))
	for i, v := range values {
		integers[i] = byte(int8(math.RoundToEven(float64(v) / float64(scales[channel(i)]))))
	}
	q.After(x.Producer(), func() {
		n.SetIn(weight, q.constant(w, graph.Int8, integers, scales, axis))
		if b != nil {
			n.SetIn(bias, q.bias(b, biases, scales, s.scale.Floats()[0]))
		}
	})
}

// weightScales returns a scale for each output channel, with which its quantized weights are at
// most weightLimit, and its quantized bias is at most 2²⁹, a quarter of the range of int32.
func weightScales(values, biases []float32, channel func(i int) int, input float32) []float32 {
	scales := make([]float32, len(biases))
	for c, b := range biases {
		scales[c] = max(float32(math.Abs(float64(b))/float64(input)/(1<<29)), tiny)
	}
	for i, v := range values {
		c := channel(i)
		scales[c] = max(scales[c], float32(math.Abs(float64(v)))/weightLimit)
	}
	return scales
}

// bias turns a bias into dequantized integers. Their scale is that of the products.
func (q *quantizer) bias(b *graph.Value, biases, scales []float32, input float32) *graph.Value {
	products := make([]float32, len(scales))
	var integers []byte
	for c, v := range biases {
		products[c] = input * scales[c]
		integers = binary.LittleEndian.AppendUint32(integers, uint32(int32(math.RoundToEven(float64(v)/float64(products[c])))))
	}
	return q.constant(b, graph.Int32, integers, products, 0)
}

// constant appends the quantized integers of a constant and their dequantization.
func (q *quantizer) constant(v *graph.Value, elem graph.Elem, integers []byte, scales []float32, axis int) *graph.Value {
	channels := []int{len(scales)}
	quantized := q.Constant(v.Name+".quantized", elem, v.Shape.Sizes(), integers)
	scale := q.Floats(v.Name+".scale", channels, scales)
	zero := q.Constant(v.Name+".zero_point", elem, channels, make([]byte, len(scales)*elem.Size()))
	return q.Dequantize(v.Name+".dequantize", quantized, scale, zero, axis)
}
