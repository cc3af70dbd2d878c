package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// LpPool is the p-norm of the elements under each window, and GlobalLpPool that of each channel.
// LpPool becomes (average pool of |x|^p, times the size of the kernel)^(1/p).
var _ = RegisterVariants(
	&Variant{
		Schema: graph.Schema{Op: "LpPool", Takes: Takes("X"), Gives: Gives("Y"), Fields: openFields("ceil_mode", int64(0), "p", int64(2))},
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			x, p := n.In("X"), n.Int("p")
			if err := checkPower(x, p); err != nil {
				return nil, err
			}
			w, err := poolWindowOf(n, x)
			if err != nil {
				return nil, err
			}
			powers := b.asPictures(n.Name, b.toPower(n.Name+".powers", x, p))
			sum := b.Binary("Mul", n.Name+".sum", b.paddedMean(n.Name+".mean", powers, w.Sliding), b.numberLike(n.Name+".count", x, float32(w.Elements())))
			return []*graph.Value{b.asLines(n.Name, b.rootOf(n.Name+".norm", sum, p), x)}, b.Err()
		},
	},
	&Variant{
		Schema: graph.Schema{Op: "GlobalLpPool", Takes: Takes("X"), Gives: Gives("Y"), Fields: Fields("p", int64(2))},
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			x, p := n.In("X"), n.Int("p")
			if err := checkPower(x, p); err != nil {
				return nil, err
			}
			sum := b.ReduceSum(n.Name+".sum", b.toPower(n.Name+".powers", x, p), true, perChannel(len(x.Shape))[1:]...)
			return []*graph.Value{b.rootOf(n.Name, sum, p)}, b.Err()
		},
	},
)

func checkPower(x *graph.Value, p int64) error {
	if p < 1 {
		return fmt.Errorf("attribute \"p\" is %d, want 1 or more", p)
	}
	return checkImages(x)
}

// toPower appends |x|^p.
func (b Builder) toPower(name string, x *graph.Value, p int64) *graph.Value {
	if p == 2 {
		return b.Binary("Mul", name, x, x)
	}
	size := b.Unary("Abs", name+".size", x)
	if p == 1 {
		return size
	}
	return b.Binary("Pow", name, size, b.numberLike(name+".exponent", x, float32(p)))
}

// rootOf appends x^(1/p).
func (b Builder) rootOf(name string, x *graph.Value, p int64) *graph.Value {
	switch p {
	case 1:
		return x
	case 2:
		return b.Unary("Sqrt", name, x)
	}
	return b.Binary("Pow", name, x, b.numberLike(name+".exponent", x, 1/float32(p)))
}

// numberLike appends a number as a scalar of the element type of x.
func (b Builder) numberLike(name string, x *graph.Value, f float32) *graph.Value {
	if b.Err() != nil {
		return x
	}
	return b.As(x.Elem, b.Scalar(name, f))
}

// paddedMean appends the mean of x under the kernel of each window. Pads count as zeros.
func (b Builder) paddedMean(name string, x *graph.Value, w Sliding) *graph.Value {
	attributes := w.Attributes()
	switch {
	case b.Err() != nil:
		return x
	case w.dilated():
		return b.dilatedAverage(name, x, w)
	case w.Padded():
		attributes = append(attributes, graph.Attribute{Name: "count_include_pad", Value: int64(1)})
	}
	return b.one("AveragePool", name, []*graph.Value{x}, attributes...)
}
