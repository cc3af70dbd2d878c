package cpu

import (
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/op"
)

// splitFastGeluGrad replaces FastGeluGrad, whose kernel takes four times as long as the
// operators below. With v = x·(a + c·x²) and s the sigmoid of v, y = x·s, so
// dx = dy·(s + x·v'·s·(1 − s)), where x·v' = 3v − 2a·x.
func (b Builder) splitFastGeluGrad() {
	const (
		a = 1.5957691216057308 // 2·√(2/π)
		c = a * 0.044715
	)
	lower.Each(b.Graph, op.Microsoft, "FastGeluGrad", func(n *graph.Node) {
		b.Substitute(n, func() []*graph.Value {
			x, name := n.In("X"), n.Name
			scaled := func(suffix string, v *graph.Value, f float64) *graph.Value {
				return b.Binary("Mul", name+suffix, v, b.Scalar(name+suffix+".by", float32(f)))
			}
			square := scaled(".cubic", b.Binary("Mul", name+".square", x, x), c)
			v := b.Binary("Mul", name+".v", x, b.Binary("Add", name+".sum", square, b.Scalar(name+".a", a)))
			s := b.Unary("Sigmoid", name+".sigmoid", v)
			steep := b.Binary("Sub", name+".steep", scaled(".three", v, 3), scaled(".linear", x, 2*a))
			slope := b.Binary("Add", name+".slope", s, b.SigmoidGrad(name+".bend", steep, s))
			return []*graph.Value{b.Binary("Mul", name+".dx", n.In("dY"), slope)}
		})
	})
}
