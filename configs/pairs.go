package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFactor is the largest factor of a rate.
const maxFactor = 1000

// pair splits a text NAME=NUMBER. If it is invalid, message says why.
func pair(text string) (name string, x float64, message string) {
	i := strings.LastIndexByte(text, '=')
	if i < 1 {
		return "", 0, fmt.Sprintf("%q is not PATTERN=FACTOR, such as layer4.*=0.1", shorten(text))
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(text[i+1:]), 64)
	if err != nil || !(x >= 0 && x <= maxFactor) || math.IsNaN(x) {
		return "", 0, fmt.Sprintf("%q: %q is not a number in 0..%d", shorten(text), shorten(text[i+1:]), maxFactor)
	}
	return strings.TrimSpace(text[:i]), x, ""
}

// Multiplier is one of [Optimizer.RateMultipliers].
type Multiplier struct {
	Pattern string
	Factor  float64
}

// Multipliers returns the optimizer's RateMultipliers, in order.
func (o Optimizer) Multipliers() []Multiplier {
	var list []Multiplier
	for _, text := range o.RateMultipliers {
		if pattern, factor, message := pair(text); message == "" {
			list = append(list, Multiplier{pattern, factor})
		}
	}
	return list
}

// asList returns a section of NAME: NUMBER as the equivalent list.
func (s *setting) asList(n *yaml.Node) *yaml.Node {
	if !s.pairs || n.Kind != yaml.MappingNode {
		return n
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Line: n.Line, Column: n.Column}
	for i := 0; i+1 < len(n.Content); i += 2 {
		item := *n.Content[i]
		if value := resolve(n.Content[i+1]); item.Kind == yaml.ScalarNode && value.Kind == yaml.ScalarNode {
			item.SetString(item.Value + "=" + value.Value)
			item.Line, item.Column = n.Content[i].Line, n.Content[i].Column
		}
		list.Content = append(list.Content, &item)
	}
	return list
}
