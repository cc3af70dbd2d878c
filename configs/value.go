package configs

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fault is a problem with one node.
type fault struct {
	node    *yaml.Node
	message string
}

// value reads a node as a value of the setting's type; no type is converted to another.
// The messages of the faults do not name the key.
func (s *setting) value(n *yaml.Node) (any, []fault) {
	if s.typ.Kind() == reflect.Slice {
		return s.list(n)
	}
	value, message := s.scalar(n, s.typ.Kind())
	if message != "" {
		return nil, []fault{{n, message}}
	}
	return reflect.ValueOf(value).Convert(s.typ).Interface(), nil
}

// list reads a sequence. An empty one is nil, as in Default.
func (s *setting) list(n *yaml.Node) (any, []fault) {
	items := s.asList(resolve(n))
	if items.Kind != yaml.SequenceNode {
		return nil, []fault{{n, describe(n) + " is not a list: write [a, b]"}}
	}
	if message := s.checkLength(len(items.Content)); message != "" {
		return nil, []fault{{n, message}}
	}
	list := reflect.Zero(s.typ)
	var faults []fault
	for _, item := range items.Content {
		value, wrong := s.element(item)
		if len(wrong) > 0 {
			faults = append(faults, wrong...)
			continue
		}
		list = reflect.Append(list, reflect.ValueOf(value))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	if i, message := s.checkOrder(list.Interface()); message != "" {
		return nil, []fault{{items.Content[i], message}}
	}
	return list.Interface(), nil
}

func (s *setting) element(n *yaml.Node) (any, []fault) {
	if s.typ.Elem() == reflect.TypeFor[Operation]() {
		return s.operation(n)
	}
	value, message := s.scalar(n, s.typ.Elem().Kind())
	if message != "" {
		return nil, []fault{{n, message}}
	}
	return value, nil
}

// operation reads one entry of a custom recipe. Package augment checks later whether the
// kind exists and has these ranges.
func (s *setting) operation(n *yaml.Node) (any, []fault) {
	mapping := resolve(n)
	if mapping.Kind != yaml.MappingNode {
		return nil, []fault{{n, describe(n) + " is not an operation: write {kind: rotation, degrees: 10}"}}
	}
	op := Operation{}
	seen := map[string]bool{}
	var faults []fault
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, item := mapping.Content[i], mapping.Content[i+1]
		message := ""
		switch {
		case key.Kind != yaml.ScalarNode:
			message = "a key is not a word"
		case seen[key.Value]:
			message = fmt.Sprintf("%q is given twice", key.Value)
		case key.Value == "kind":
			var kind any
			if kind, message = s.scalar(item, reflect.String); message == "" {
				op.Kind = kind.(string)
			}
		default:
			var x any
			if x, message = s.scalar(item, reflect.Float64); message == "" {
				if op.Ranges == nil {
					op.Ranges = map[string]float64{}
				}
				op.Ranges[key.Value] = x.(float64)
			} else {
				message = key.Value + ": " + message
			}
		}
		seen[key.Value] = true
		if message != "" {
			faults = append(faults, fault{key, message})
		}
	}
	if !seen["kind"] {
		faults = append(faults, fault{n, "an operation without kind: write {kind: rotation, degrees: 10}"})
	}
	return op, faults
}

// scalar reads one number, text or boolean. The message says what is wrong with it, or is
// empty.
func (r *rule) scalar(n *yaml.Node, kind reflect.Kind) (any, string) {
	node := resolve(n)
	switch {
	case node.Kind != yaml.ScalarNode:
		return nil, describe(n) + " is not " + noun(kind)
	case node.Style&yaml.TaggedStyle != 0:
		return nil, fmt.Sprintf("write the value without the tag %s", node.Tag)
	}
	switch kind {
	case reflect.Int, reflect.Uint64:
		return r.whole(node, kind)
	case reflect.Float64:
		return r.decimal(node)
	case reflect.Bool:
		if node.ShortTag() != "!!bool" {
			return nil, describe(node) + " is neither true nor false"
		}
		return strings.EqualFold(node.Value, "true"), ""
	}
	if node.ShortTag() != "!!str" {
		return nil, describe(node) + " is not text: quote it"
	}
	return node.Value, r.checkText(node.Value)
}

// whole reads a whole number in plain decimal digits. It rejects numbers such as 012,
// which YAML 1.1 reads as octal and most people as twelve.
func (r *rule) whole(n *yaml.Node, kind reflect.Kind) (any, string) {
	digits := strings.TrimLeft(n.Value, "+-")
	if n.ShortTag() != "!!int" || padded(n.Value) || strings.Trim(digits, "0123456789") != "" {
		return nil, fmt.Sprintf("%s is not a whole number in %s", describe(n), r.interval())
	}
	if kind == reflect.Uint64 {
		u, err := strconv.ParseUint(n.Value, 10, 64)
		if err != nil {
			return nil, fmt.Sprintf("%s is outside %s", n.Value, r.interval())
		}
		return u, ""
	}
	i, err := strconv.Atoi(n.Value)
	if err != nil {
		return nil, fmt.Sprintf("%s is outside %s", n.Value, r.interval())
	}
	return i, r.checkNumber(float64(i), n.Value)
}

// decimal reads a finite number. Like whole, it rejects numbers such as 012.
func (r *rule) decimal(n *yaml.Node) (any, string) {
	tag, within := n.ShortTag(), " in "+r.interval()
	if r.max == math.MaxFloat64 {
		within = ""
	}
	x, err := strconv.ParseFloat(n.Value, 64)
	switch {
	case tag == "!!float" && strings.Trim(strings.ToLower(n.Value), "+-.anif") == "":
		return nil, fmt.Sprintf("%s is not a finite number%s", n.Value, within)
	case tag != "!!float" && tag != "!!int" || err != nil || tag == "!!int" && padded(n.Value):
		return nil, fmt.Sprintf("%s is not a number%s", describe(n), within)
	}
	return x, r.checkNumber(x, n.Value)
}

// padded reports whether a whole number has leading zeros, which make it octal in
// YAML 1.1.
func padded(text string) bool {
	digits := strings.TrimLeft(text, "+-")
	return len(digits) > 1 && digits[0] == '0'
}

// resolve returns the node that an alias stands for, and any other node as it is.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// describe names what a node holds, in the words of its writer.
func describe(n *yaml.Node) string {
	n = resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "an empty value"
	case "!!str":
		return fmt.Sprintf("%q (text)", shorten(n.Value))
	}
	return shorten(n.Value)
}

// shorten cuts long values, so that a message stays readable.
func shorten(s string) string {
	if len(s) <= 60 {
		return s
	}
	return strings.ToValidUTF8(s[:60], "") + "…"
}

func noun(kind reflect.Kind) string {
	switch kind {
	case reflect.Int, reflect.Uint64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	}
	return "text"
}
