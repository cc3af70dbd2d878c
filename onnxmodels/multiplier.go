package onnxmodels

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"onnxlab/onnxmodels/artifact"
)

// Multipliers returns the learning-rate factors of the trained parameters, by name. If
// several patterns match a parameter, the last one counts. A pattern that matches no trained
// parameter is an error.
func (n *Network) Multipliers(list []artifact.RateMultiplier) (map[string]float32, error) {
	factors := map[string]float32{}
	for _, m := range list {
		if !(m.Factor >= 0 && m.Factor <= math.MaxFloat32) {
			return nil, fmt.Errorf("factor %v of %q is not a finite number of 0 or more", m.Factor, m.Pattern)
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

// headOf returns the names of the parameters of the last layer that has any.
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
