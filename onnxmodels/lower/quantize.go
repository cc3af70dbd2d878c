package lower

import (
	"encoding/binary"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// Range is between what a value lies.
type Range struct{ Min, Max float32 }

// weightLimit is the largest weight as an integer, of 7 bits. With 8, processors that
// have AVX2 or AVX-512 but not VNNI would saturate: ONNX Runtime has them add two
// products with bytes of 0..255 in 16 bits, which hold 2·255·64 and not 2·255·127.
const weightLimit = 64

// integral are the operators that ONNX Runtime computes in integers where integers come
// in and go out.
var integral = map[string]bool{
	"Conv": true, "Gemm": true, "AveragePool": true, "GlobalAveragePool": true, "MaxPool": true, "Add": true, "Flatten": true,
}

// Quantize puts pairs of QuantizeLinear and DequantizeLinear, ONNX's QDQ form, behind the
// values that go into integral operators and come out of them, and makes weights and
// biases dequantized constants. The graph still computes in float32; ONNX Runtime turns
// what stands between such pairs into operators of integers.
//
//	values   uint8, one scale and zero point for all of a value, of its range and 0
//	weights  int8 in −64..64, a scale for each channel that comes out
//	biases   int32, the scale of the products
//
// The outputs of the graph stay float32, and so does what lies between a convolution and
// the ReLU behind it. Ranges are by the names of values: one that is missing, or is not
// finite, is a mistake of the graph.
func Quantize(g *graph.Graph, ranges map[string]Range) {
	q := &quantizer{Builder: op.On(g), ranges: ranges, steps: map[*graph.Value]step{}}
	Each(g, "", "DequantizeLinear", func(n *graph.Node) {
		q.steps[n.Out("y")] = step{n.In("x_scale"), n.In("x_zero_point")}
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
	g.Prune()
}

// step is how far apart the numbers are that stand next to each other in integers, and
// which of these is 0.
type step struct{ scale, zero *graph.Value }

type quantizer struct {
	op.Builder
	ranges map[string]Range
	steps  map[*graph.Value]step // of dequantized values
}

// chosen are the values that are quantized, in the order of the graph.
func (q *quantizer) chosen() []*graph.Value {
	wanted := map[*graph.Value]bool{}
	for _, n := range q.Nodes {
		if n.Domain != "" || !integral[n.Op] {
			continue
		}
		for _, v := range append(slices.Clone(n.Inputs), n.Outputs[0]) {
			wanted[v] = true
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

// rectified tells whether a ReLU is all that uses the value: its own output is quantized
// in place of this, which costs it nothing.
func (q *quantizer) rectified(v *graph.Value) bool {
	users := q.Users(v)
	return len(users) == 1 && users[0].Is("", "Relu")
}

// value puts a pair behind what computes v.
func (q *quantizer) value(v *graph.Value) {
	n := v.Producer()
	var s step
	var integers, float *graph.Value
	q.After(n, func() {
		same := false
		if n.Is("", "Flatten") || n.Is("", "MaxPool") { // whose numbers are those that come in
			s, same = q.steps[n.Inputs[0]]
		}
		if !same {
			s = q.step(v)
		}
		integers = q.Quantize(v.Name+".quantize", v, s.scale, s.zero)
		float = q.Dequantize(v.Name+".dequantize", integers, s.scale, s.zero, 1)
	})
	if q.Err() != nil {
		return
	}
	q.Replace(v, float)
	integers.Producer().SetIn("x", v)
	q.steps[float] = s
}

// step makes the scale and the zero point of a value from its range. The range has 0 in
// it, which becomes an integer without error: pads are 0.
func (q *quantizer) step(v *graph.Value) step {
	r, ok := q.ranges[v.Name]
	low, high := float64(min(r.Min, 0)), float64(max(r.Max, 0))
	if width := high - low; !ok || math.IsNaN(width) || math.IsInf(width, 0) {
		q.Fail("the range of %q is not known or not finite", v.Name)
		return step{q.Scalar(v.Name+".scale", 1), q.Constant(v.Name+".zero_point", graph.Uint8, nil, []byte{0})}
	}
	scale := float32(max((high-low)/math.MaxUint8, tiny))
	zero := uint8(math.Round(-low / float64(scale)))
	return step{q.Scalar(v.Name+".scale", scale), q.Constant(v.Name+".zero_point", graph.Uint8, nil, []byte{zero})}
}

// tiny is the smallest scale: those of values and weights that are all 0, and of their
// products, are numbers still.
const tiny = 1e-15

// weights quantizes the constants of a node whose input of values is: the weight, with a
// scale for each place along the axis, and the bias.
func (q *quantizer) weights(n *graph.Node, input, weight, bias string, axis int) {
	x, w, b := n.In(input), n.In(weight), n.In(bias)
	s, ok := q.steps[x]
	if !ok || !w.Constant() || b != nil && (!b.Constant() || len(b.Shape) != 1) {
		return
	}
	values, biases := w.Floats(), make([]float32, w.Size(axis))
	if b != nil {
		if len(b.Floats()) != len(biases) {
			return // one for all
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

// weightScales are those by which the weights of each channel take weightLimit at most,
// and its bias, in steps of the products, a quarter of what an int32 holds.
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

// bias makes a bias dequantized integers in steps of the products.
func (q *quantizer) bias(b *graph.Value, biases, scales []float32, input float32) *graph.Value {
	steps := make([]float32, len(scales))
	var integers []byte
	for c, v := range biases {
		steps[c] = input * scales[c]
		integers = binary.LittleEndian.AppendUint32(integers, uint32(int32(math.RoundToEven(float64(v)/float64(steps[c])))))
	}
	return q.constant(b, graph.Int32, integers, steps, 0)
}

// constant is what a constant becomes: integers, and their dequantization.
func (q *quantizer) constant(v *graph.Value, elem graph.Elem, integers []byte, scales []float32, axis int) *graph.Value {
	channels := []int{len(scales)}
	quantized := q.Constant(v.Name+".quantized", elem, v.Shape.Sizes(), integers)
	scale := q.Floats(v.Name+".scale", channels, scales)
	zero := q.Constant(v.Name+".zero_point", elem, channels, make([]byte, len(scales)*elem.Size()))
	return q.Dequantize(v.Name+".dequantize", quantized, scale, zero, axis)
}
