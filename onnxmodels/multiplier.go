package onnxmodels

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"onnxlab/onnxmodels/artifact"
)

// Multipliers finds the factors of the rates of the parameters that are trained, by name; of
// several patterns that match, the last counts. It is an error if one matches none of them.
func (n *Network) Multipliers(list []artifact.RateMultiplier) (map[string]float32, error) {
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
