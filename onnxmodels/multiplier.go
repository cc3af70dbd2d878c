package onnxmodels

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"onnxlab/onnxmodels/graph"
)

// RateMultiplier is what the learning rate is multiplied by for the parameters whose names a
// pattern matches.
type RateMultiplier struct {
	// Pattern is one of path.Match, as "layer4.*", "all", or "head", the last layer.
	Pattern string
	// Factor is a finite number of 0 or more.
	Factor float32
}

// Multipliers finds the factors of the rates of the parameters that are trained, by name; of
// several patterns that match, the last counts. It is an error if one matches none of them.
func (n *Network) Multipliers(list []RateMultiplier) (map[string]float32, error) {
	factors := map[string]float32{}
	for _, m := range list {
		if !(m.Factor >= 0 && m.Factor <= math.MaxFloat32) {
			return nil, fmt.Errorf("factor %v of %q is no finite number of 0 or more", m.Factor, m.Pattern)
		}
		matched := false
		for _, p := range n.parameters {
			matches, err := n.matches(m.Pattern, p.Name)
			if err != nil {
				return nil, fmt.Errorf("pattern %q: %w", m.Pattern, err)
			}
			if matches && p.Trainable {
				factors[p.Name], matched = m.Factor, true
			}
		}
		if !matched {
			return nil, fmt.Errorf("pattern %q matches no parameter that is trained", m.Pattern)
		}
	}
	return factors, nil
}

// matches tells whether the pattern names the parameter.
func (n *Network) matches(pattern, name string) (bool, error) {
	switch pattern {
	case "all":
		return true, nil
	case "head":
		return slices.Contains(n.head, name), nil
	}
	return path.Match(pattern, name)
}

// headOf are the parameters of the last layer that has some.
func headOf(parameters []Parameter) []string {
	layer := func(p Parameter) string { return p.Name[:strings.LastIndexByte(p.Name, '.')+1] }
	var names []string
	for _, p := range parameters {
		if layer(p) == layer(parameters[len(parameters)-1]) {
			names = append(names, p.Name)
		}
	}
	return names
}

// multiplied is the gradient or the step of a parameter, times its multiplier.
func (b *Builder) multiplied(name string, v *graph.Value) *graph.Value {
	factor, given := b.multipliers[name]
	if !given || factor == 1 {
		return v
	}
	return b.Binary("Mul", name+".multiplied", v, b.Floats(name+".multiplier", []int{1}, []float32{factor}))
}

// multipliedSteps multiplies the parts of the step.
func (r *rule) multipliedSteps(step *graph.Value) *graph.Value {
	if len(r.multipliers) == 0 {
		return step
	}
	return r.layers("multiplied", step, len(r.parameters), func(_ string, i int, part *graph.Value) *graph.Value {
		return r.multiplied(r.parameters[i].Name, part)
	})
}
