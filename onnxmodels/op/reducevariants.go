package op

import (
	"math"

	"onnxlab/onnxmodels/graph"
)

// The variants of reductions in models: with the axes as an attribute or as an input, and reductions
// that are computed by other operators.
var _ = RegisterVariants(
	reductionVariant("ReduceSum", 0, 12, axesAttribute, plainReduction("ReduceSum")),
	reductionVariant("ReduceMean", 18, 0, axesInput, plainReduction("ReduceMean")),
	reductionVariant("ReduceProd", 18, 0, axesInput, plainReduction("ReduceProd")),
	reductionVariant("ReduceMax", 18, 0, axesInput, boolReduction("ReduceMax")),
	reductionVariant("ReduceMin", 18, 0, axesInput, boolReduction("ReduceMin")),

	reductionVariant("ReduceL1", 0, 17, axesAttribute, reduceL1), reductionVariant("ReduceL1", 18, 0, axesInput, reduceL1),
	reductionVariant("ReduceL2", 0, 17, axesAttribute, reduceL2), reductionVariant("ReduceL2", 18, 0, axesInput, reduceL2),
	reductionVariant("ReduceLogSum", 0, 17, axesAttribute, reduceLogSum), reductionVariant("ReduceLogSum", 18, 0, axesInput, reduceLogSum),
	reductionVariant("ReduceLogSumExp", 0, 17, axesAttribute, reduceLogSumExp), reductionVariant("ReduceLogSumExp", 18, 0, axesInput, reduceLogSumExp),
	reductionVariant("ReduceSumSquare", 0, 17, axesAttribute, reduceSumSquare), reductionVariant("ReduceSumSquare", 18, 0, axesInput, reduceSumSquare),
)

// reduced describes a reduction of x in a model: over the axes, counted from 0, or over all
// dimensions if there are no axes.
type reduced struct {
	name string
	x    *graph.Value
	keep bool
	axes []int64
}

const (
	axesAttribute = false
	axesInput     = true
)

func reductionVariant(name string, from, until int, input bool, build func(b Builder, r reduced) *graph.Value) *Variant {
	f := &Variant{
		Schema: graph.Schema{Op: name, Takes: Takes("data"), Gives: Gives("reduced"), Fields: Fields("axes", []int64(nil), "keepdims", int64(1))},
		From:   from, Until: until,
	}
	if input {
		f.Takes, f.Fields = Takes("data", "axes?"), Fields("keepdims", int64(1), "noop_with_empty_axes", int64(0))
	}
	f.Build = func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		r := reduced{n.Name, n.In("data"), n.Flag("keepdims"), nil}
		axes, err := axesList(n.Ints("axes"), len(r.x.Shape))
		if input {
			axes, err = axesOf(n.In("axes"), len(r.x.Shape))
		}
		if err != nil {
			return nil, err
		}
		if len(axes) == 0 && input && n.Flag("noop_with_empty_axes") {
			return []*graph.Value{noReduction(b, name, r)}, nil
		}
		for _, a := range axes {
			r.axes = append(r.axes, int64(a))
		}
		return []*graph.Value{build(b, r)}, nil
	}
	return f
}

// noReduction appends a reduction over no axis, which reduces each element by itself.
func noReduction(b Builder, name string, r reduced) *graph.Value {
	switch name {
	case "ReduceL1", "ReduceL2":
		return b.Unary("Abs", r.name, r.x)
	case "ReduceLogSum":
		return b.Unary("Log", r.name, r.x)
	case "ReduceSumSquare":
		return b.Binary("Mul", r.name, r.x, r.x)
	}
	return b.Unary("Identity", r.name, r.x)
}

// sum appends the sum over the axes.
func (r reduced) sum(b Builder, name string, x *graph.Value) *graph.Value {
	inputs := []*graph.Value{x}
	if len(r.axes) > 0 {
		inputs = append(inputs, b.Ints(name+".axes", r.axes...))
	}
	return b.one("ReduceSum", name, inputs, keepdims(r.keep))
}

func plainReduction(op string) func(b Builder, r reduced) *graph.Value {
	return func(b Builder, r reduced) *graph.Value {
		if op == "ReduceSum" {
			return r.sum(b, r.name, r.x)
		}
		attributes := []graph.Attribute{keepdims(r.keep)}
		if len(r.axes) > 0 {
			attributes = append(attributes, graph.Attribute{Name: "axes", Value: r.axes})
		}
		return b.one(op, r.name, []*graph.Value{r.x}, attributes...)
	}
}

// boolReduction reduces booleans as bytes, because opset 17 cannot reduce booleans.
func boolReduction(op string) func(b Builder, r reduced) *graph.Value {
	return func(b Builder, r reduced) *graph.Value {
		if r.x.Elem != graph.Bool {
			return plainReduction(op)(b, r)
		}
		r.x = b.Cast(r.name+".bytes", r.x, graph.Uint8)
		return b.Cast(r.name+".bool", plainReduction(op)(b, r), graph.Bool)
	}
}

func reduceL1(b Builder, r reduced) *graph.Value {
	return r.sum(b, r.name, b.Unary("Abs", r.name+".abs", r.x))
}

func reduceSumSquare(b Builder, r reduced) *graph.Value {
	return r.sum(b, r.name, b.Binary("Mul", r.name+".squares", r.x, r.x))
}

func reduceL2(b Builder, r reduced) *graph.Value {
	sum := reduceSumSquare(b, reduced{r.name + ".sum", r.x, r.keep, r.axes})
	return b.Unary("Sqrt", r.name, sum)
}

func reduceLogSum(b Builder, r reduced) *graph.Value {
	return b.Unary("Log", r.name, r.sum(b, r.name+".sum", r.x))
}

// reduceLogSumExp appends m + log Σ exp(x − m), where m is the largest element, so that exp does
// not overflow. m is limited to finite numbers, which matters if all elements are infinite or if
// there are none.
func reduceLogSumExp(b Builder, r reduced) *graph.Value {
	largest := b.one("ReduceMax", r.name+".largest", []*graph.Value{r.x}, append(axesAttributeOf(r), keepdims(true))...)
	low := b.As(r.x.Elem, b.Scalar(r.name+".low", -math.MaxFloat32/2))
	high := b.As(r.x.Elem, b.Scalar(r.name+".high", math.MaxFloat32/2))
	m := b.Binary("Min", r.name+".bounded", b.Binary("Max", r.name+".above", largest, low), high)
	sum := r.sum(b, r.name+".sum", b.Unary("Exp", r.name+".exp", b.Binary("Sub", r.name+".minus", r.x, m)))
	if !r.keep {
		m = b.squeezeAxes(r.name+".m", m, r.axes)
	}
	return b.Binary("Add", r.name, b.Unary("Log", r.name+".log", sum), m)
}

func axesAttributeOf(r reduced) []graph.Attribute {
	if len(r.axes) == 0 {
		return nil
	}
	return []graph.Attribute{{Name: "axes", Value: r.axes}}
}

// squeezeAxes drops the axes, or all dimensions if there are no axes.
func (b Builder) squeezeAxes(name string, x *graph.Value, axes []int64) *graph.Value {
	if len(axes) == 0 {
		for i := range x.Shape {
			axes = append(axes, int64(i))
		}
	}
	return b.one("Squeeze", name, []*graph.Value{x, b.Ints(name+".axes", axes...)})
}
