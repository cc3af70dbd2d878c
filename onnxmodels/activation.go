package onnxmodels

import (
	"fmt"
	"slices"
	"strings"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// The kinds of [Activation].
const (
	ActivationReLU      = "relu"       // max(0, x)
	ActivationReLU6     = "relu6"      // min(6, max(0, x)), Sandler et al. 2018
	ActivationLeakyReLU = "leaky_relu" // max(0.01·x, x)
	ActivationELU       = "elu"        // x above 0, else e^x − 1 (Clevert et al. 2016)
	ActivationSiLU      = "silu"       // x·sigmoid(x), also called swish
	ActivationHardSwish = "hard_swish" // x·relu6(x + 3)/6, Howard et al. 2019
	ActivationGELU      = "gelu"       // x·Φ(x), Hendrycks and Gimpel 2016
)

// Activations lists the kinds.
func Activations() []string {
	return []string{ActivationReLU, ActivationReLU6, ActivationLeakyReLU, ActivationELU, ActivationSiLU, ActivationHardSwish, ActivationGELU}
}

// Activation applies one of Activations to each element.
func Activation(name, kind string) Layer {
	return layerFunc(func(b *Builder, x *graph.Value) *graph.Value {
		switch kind {
		case ActivationReLU:
			return b.Unary("Relu", b.Name(name), x)
		case ActivationReLU6:
			bound := func(what string, v float32) *graph.Value { return b.As(x.Elem, b.Scalar(b.Name(name)+"."+what, v)) }
			return b.Do("", "Clip", op.Call{Name: b.Name(name), Inputs: []*graph.Value{x, bound("min", 0), bound("max", 6)}})[0]
		case ActivationLeakyReLU:
			return b.Unary("LeakyRelu", b.Name(name), x) // its default slope is 0.01
		case ActivationELU:
			return b.Unary("Elu", b.Name(name), x)
		case ActivationSiLU:
			return b.Swish(b.Name(name), x, 1)
		case ActivationHardSwish:
			return b.Unary("HardSwish", b.Name(name), x)
		case ActivationGELU:
			return b.Gelu(b.Name(name), x)
		}
		b.Fail("activation %q: %v", b.Name(name), checkActivation(kind))
		return x
	})
}

// checkActivation returns an error if kind is not one of Activations.
func checkActivation(kind string) error {
	if !slices.Contains(Activations(), kind) {
		return fmt.Errorf("activation %q is none of %s", kind, strings.Join(Activations(), ", "))
	}
	return nil
}
