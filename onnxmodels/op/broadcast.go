package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// This file holds what operators share that broadcast their inputs as ONNX and NumPy do.

// inferBinary is Infer of operators whose inputs have one element type and are broadcast: the
// output has the broadcast shape of all inputs.
func inferBinary(n *graph.Node) ([]graph.Type, error) {
	t := n.Inputs[0].Type()
	for _, v := range n.Inputs[1:] {
		if v.Elem != t.Elem {
			return nil, fmt.Errorf("inputs %s and %s differ in type", n.Inputs[0], v)
		}
		shape, ok := broadcast(t.Shape, v.Shape)
		if !ok {
			return nil, fmt.Errorf("inputs %s and %s cannot be broadcast", n.Inputs[0], v)
		}
		t.Shape = shape
	}
	return []graph.Type{t}, nil
}

// broadcast returns the shape to which a and b are broadcast, and whether that is possible.
func broadcast(a, b graph.Shape) (graph.Shape, bool) {
	if len(b) > len(a) {
		a, b = b, a
	}
	shape := append(graph.Shape{}, a...)
	offset := len(a) - len(b)
	for i, d := range b {
		at := &shape[offset+i]
		switch unit := graph.Fixed(1); {
		case *at == unit:
			*at = d
		case d == unit:
		default:
			var ok bool
			if *at, ok = unify(*at, d); !ok {
				return nil, false
			}
		}
	}
	return shape, true
}

// Compatible reports whether two shapes can turn out to be equal when the graph runs.
func Compatible(a, b graph.Shape) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if _, ok := unify(a[i], b[i]); !ok {
			return false
		}
	}
	return true
}

// unify returns the more specific of two dimensions that must be equal when the graph runs, and
// whether they can be equal: a symbol can stand for any number or for another symbol.
func unify(a, b graph.Dim) (graph.Dim, bool) {
	switch {
	case a.Symbol == "":
		return a, b.Symbol != "" || a == b
	case b.Symbol == "":
		return b, true
	}
	return a, a.Symbol != b.Symbol || a == b
}

// plusDims, minusDims, timesDims and overDims return the sum, difference, product and quotient
// of two dimensions, and whether the result can be written as a dimension.

func plusDims(x, y graph.Dim) (graph.Dim, bool) {
	switch {
	case x.Size == 0:
		return y, true
	case y.Size == 0:
		return x, true
	}
	return graph.Dim{Size: x.Size + y.Size, Symbol: x.Symbol}, x.Symbol == y.Symbol
}

func minusDims(x, y graph.Dim) (graph.Dim, bool) {
	return plusDims(x, graph.Dim{Size: -y.Size, Symbol: y.Symbol})
}

func timesDims(x, y graph.Dim) (graph.Dim, bool) {
	return graph.Dim{Size: x.Size * y.Size, Symbol: x.Symbol + y.Symbol}, x.Symbol == "" || y.Symbol == ""
}

func overDims(x, y graph.Dim) (graph.Dim, bool) {
	switch {
	case y.Size == 0 || x.Symbol == "" && y.Symbol != "":
		return x, false
	case x.Symbol == "":
		return graph.Dim{Size: x.Size / y.Size}, true
	case x.Symbol == y.Symbol:
		return graph.Dim{Size: x.Size / y.Size}, x.Size%y.Size == 0
	}
	return graph.Dim{Size: x.Size / y.Size, Symbol: x.Symbol}, y.Symbol == "" && x.Size%y.Size == 0
}
