package importer_test

import (
	"math"
	"strings"
	"testing"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/op"
)

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func tanhGelu(x float64) float64 {
	return x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) / 2
}

type (
	value    = *graph.Value
	constant = func(float32) *graph.Value
	node     = func(op string, in ...*graph.Value) *graph.Value
)

// writtenOut is an activation as models write it in several operators.
type writtenOut struct {
	name string
	// build returns the activation of x; c makes constants, and do a node of one output.
	build func(x value, c constant, do node) value
	// want lists the operators that the importer makes of it.
	want string
	is   func(x float64) float64
}

var activations = []writtenOut{
	{
		"swish", func(x value, _ constant, do node) value { return do("Mul", x, do("Sigmoid", x)) }, "QuickGelu",
		func(x float64) float64 { return x * sigmoid(x) },
	},
	{
		"swish of a multiple", func(x value, c constant, do node) value { return do("Mul", do("Sigmoid", do("Mul", x, c(1.702))), x) }, "QuickGelu",
		func(x float64) float64 { return x * sigmoid(1.702*x) },
	},
	{"hard swish by HardSigmoid", func(x value, _ constant, do node) value { return do("Mul", x, do("HardSigmoid/6", x)) }, "HardSwish", hardSwish},
	{"hard swish by Clip", func(x value, c constant, do node) value {
		return do("Div", do("Mul", x, do("Clip", do("Add", x, c(3)), c(0), c(6))), c(6))
	}, "HardSwish", hardSwish},
	{"hard swish by a scaled Clip", func(x value, c constant, do node) value {
		return do("Mul", x, do("Div", do("Clip", do("Add", x, c(3)), c(0), c(6)), c(6)))
	}, "HardSwish", hardSwish},
	{"Gelu", func(x value, c constant, do node) value {
		return do("Mul", do("Mul", x, do("Add", do("Erf", do("Div", x, c(math.Sqrt2))), c(1))), c(0.5))
	}, "Gelu", func(x float64) float64 { return x * (1 + math.Erf(x/math.Sqrt2)) / 2 }},
	{"Gelu of a half", func(x value, c constant, do node) value {
		return do("Mul", do("Mul", c(0.5), x), do("Add", c(1), do("Erf", do("Mul", x, c(1/math.Sqrt2)))))
	}, "Gelu", func(x float64) float64 { return x * (1 + math.Erf(x/math.Sqrt2)) / 2 }},
	{"Gelu by tanh", func(x value, c constant, do node) value {
		sum := do("Add", x, do("Mul", do("Pow", x, c(3)), c(0.044715)))
		return do("Mul", do("Mul", x, c(0.5)), do("Add", do("Tanh", do("Mul", sum, c(0.7978845608))), c(1)))
	}, "FastGelu", tanhGelu},
	{"Gelu by tanh and products", func(x value, c constant, do node) value {
		sum := do("Add", do("Mul", c(0.044715), do("Mul", x, do("Mul", x, x))), x)
		return do("Mul", do("Mul", c(0.5), x), do("Add", c(1), do("Tanh", do("Mul", c(0.7978845608), sum))))
	}, "FastGelu", tanhGelu},
	// What looks alike but is something else stays as it is.
	{
		"another value's gate", func(x value, _ constant, do node) value { return do("Mul", x, do("Sigmoid", do("Neg", x))) }, "Neg Sigmoid Mul",
		func(x float64) float64 { return x * sigmoid(-x) },
	},
	{"a Clip that is moved elsewhere", func(x value, c constant, do node) value {
		return do("Div", do("Mul", x, do("Clip", do("Add", x, c(2)), c(0), c(6))), c(6))
	}, "Add Clip Mul Div", func(x float64) float64 { return x * min(max(x+2, 0), 6) / 6 }},
	{"a Clip that is scaled otherwise", func(x value, c constant, do node) value {
		return do("Div", do("Mul", x, do("Clip", do("Add", x, c(3)), c(0), c(6))), c(5))
	}, "Add Clip Mul Div", func(x float64) float64 { return x * min(max(x+3, 0), 6) / 5 }},
	{"a Gelu without its half", func(x value, c constant, do node) value {
		return do("Mul", x, do("Add", do("Erf", do("Div", x, c(math.Sqrt2))), c(1)))
	}, "Div Erf Add Mul", func(x float64) float64 { return x * (1 + math.Erf(x/math.Sqrt2)) }},
	{
		"a square times its gate", func(x value, _ constant, do node) value { return do("Mul", do("Mul", x, x), do("Sigmoid", x)) }, "Mul Sigmoid Mul",
		func(x float64) float64 { return x * x * sigmoid(x) },
	},
}

func hardSwish(x float64) float64 { return x * min(max(x+3, 0), 6) / 6 }

// TestActivations checks which operators models' activations become, and that they compute
// the same.
func TestActivations(t *testing.T) {
	points := []float32{-7, -3.5, -2.9, -1, -0.01, 0, 0.3, 1, 2.5, 3.2, 8}
	for _, a := range activations {
		t.Run(a.name, func(t *testing.T) {
			g := op.On(graph.New("activation"))
			x := g.Input("x", graph.Float, graph.Shape{graph.Symbol("batch"), graph.Fixed(len(points))})
			c := func(f float32) *graph.Value { return g.Scalar("c", f) }
			g.Output(a.build(x, c, func(name string, in ...*graph.Value) *graph.Value {
				if name == "HardSigmoid/6" {
					return g.HardSigmoid("gate", in[0], 1./6, 0.5)
				}
				return g.Do("", name, op.Call{Name: "node", Inputs: in})[0]
			}))
			m, err := g.Model()
			if err != nil {
				t.Fatal(err)
			}
			canonical, err := importer.Canonical(m)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, n := range canonical.Nodes {
				names = append(names, n.Op)
			}
			if got := strings.Join(names, " "); got != a.want {
				t.Errorf("it is read as %s, want %s", got, a.want)
			}
			p, err := interp.Compile(m)
			if err != nil {
				t.Fatal(err)
			}
			out, err := p.Run(map[string]*op.Tensor{"x": {Elem: graph.Float, Shape: []int{1, len(points)}, Floats: points}})
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range points {
				if got, want := float64(out[0].Floats[i]), a.is(float64(v)); math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
					t.Errorf("it is %g at %g, want %g", got, v, want)
				}
			}
		})
	}
}
