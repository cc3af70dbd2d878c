package op

import (
	"fmt"
	"slices"
	"strings"

	"onnxlab/onnxmodels/graph"
)

// Einsum computes sums of products of the inputs' elements. As in NumPy, an equation
// names the dimensions by letters.
var _ = Register(&Operator{
	Schema: graph.Schema{Op: "Einsum", Takes: Takes("Inputs*!"), Gives: Gives("Output"), Fields: Fields("equation", Required{""})},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		e, err := parseEinsum(n.Text("equation"), ranksOf(n.Inputs))
		if err != nil {
			return nil, err
		}
		sizes := map[rune]graph.Dim{}
		for i, v := range n.Inputs {
			for k, letter := range e.inputs[i] {
				d, known := sizes[letter], false
				if _, known = sizes[letter]; !known || d == graph.Fixed(1) {
					sizes[letter] = v.Shape[k]
					continue
				}
				if v.Shape[k] == graph.Fixed(1) {
					continue
				}
				var ok bool
				if sizes[letter], ok = unify(d, v.Shape[k]); !ok {
					return nil, fmt.Errorf("equation %q does not fit input %s", n.Text("equation"), v)
				}
			}
		}
		shape := graph.Shape{}
		for _, letter := range e.output {
			shape = append(shape, sizes[letter])
		}
		return typed(n.Inputs[0].Elem, shape)
	},
	Gradient: einsumGradient,
	Cost: func(n *graph.Node) int64 {
		cost := Elements(n.Outputs[0].Shape)
		e, err := parseEinsum(n.Text("equation"), ranksOf(n.Inputs))
		if err != nil {
			return cost
		}
		summed := map[rune]bool{}
		for i, v := range n.Inputs {
			for k, letter := range e.inputs[i] {
				if !slices.Contains(e.output, letter) && !summed[letter] {
					summed[letter] = true
					cost = Times(cost, v.Shape[k].Size)
				}
			}
		}
		return cost
	},
	Eval: evalEinsum,
})

// equation is a parsed equation of Einsum, with one letter for each dimension.
type equation struct {
	inputs [][]rune
	output []rune
}

func ranksOf(values []*graph.Value) []int {
	ranks := make([]int, len(values))
	for i, v := range values {
		ranks[i] = len(v.Shape)
	}
	return ranks
}

// parseEinsum reads an equation for inputs of the given ranks. It replaces "..." by capital
// letters, which no exporter uses itself: Z for the last of these dimensions, Y for the one
// before, and so on.
func parseEinsum(text string, ranks []int) (equation, error) {
	var e equation
	text = strings.ReplaceAll(text, " ", "")
	left, right, explicit := strings.Cut(text, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(ranks) {
		return e, fmt.Errorf("equation %q has %d terms for %d inputs", text, len(terms), len(ranks))
	}
	wide := 0
	for i, term := range terms {
		letters, dots, err := spellOut(term, ranks[i])
		if err != nil {
			return e, fmt.Errorf("equation %q: %w", text, err)
		}
		e.inputs, wide = append(e.inputs, letters), max(wide, dots)
	}
	if !explicit {
		right = implicitOutput(left)
	}
	plain := strings.Count(strings.ReplaceAll(right, "...", ""), "")
	output, _, err := spellOut(right, plain-1+wide*strings.Count(right, "..."))
	if err != nil {
		return e, fmt.Errorf("equation %q: %w", text, err)
	}
	for _, letter := range output {
		in := func(letters []rune) bool { return slices.Contains(letters, letter) }
		if !slices.ContainsFunc(e.inputs, in) {
			return e, fmt.Errorf("equation %q: %c is in the output but in no input", text, letter)
		}
	}
	e.output = output
	return e, nil
}

// spellOut returns the letters of a term, in which "..." stands for as many dimensions as the
// rank has beyond the letters. It also returns the number of these dimensions.
func spellOut(term string, rank int) (letters []rune, dots int, err error) {
	before, after, dotted := strings.Cut(term, "...")
	dots = rank - len(before) - len(after)
	if dots < 0 || dots > 8 || !dotted && dots != 0 {
		return nil, 0, fmt.Errorf("term %q does not fit %d dimensions", term, rank)
	}
	for _, r := range before + after {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return nil, 0, fmt.Errorf("term %q has %q, which is not a letter", term, r)
		}
	}
	letters = []rune(before)
	for i := range dots {
		letters = append(letters, 'Z'-rune(dots-1-i))
	}
	return append(letters, []rune(after)...), dots, nil
}

// implicitOutput returns the output of an equation without an arrow: the dots, and then the
// letters that occur once, in alphabetical order.
func implicitOutput(left string) string {
	output := ""
	if strings.Contains(left, "...") {
		output = "..."
	}
	var once []rune
	for _, r := range left {
		if r != ',' && r != '.' && strings.Count(left, string(r)) == 1 {
			once = append(once, r)
		}
	}
	slices.Sort(once)
	return output + string(once)
}

// einsumGradient computes the gradient of each input as Einsum of dy and the other inputs. A
// letter that occurs in no other term is summed over, so the gradient is constant along it.
func einsumGradient(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
	e, err := parseEinsum(n.Text("equation"), ranksOf(n.Inputs))
	if err != nil {
		b.Fail("differentiate %q: %w", n.Name, err)
		return n.Inputs
	}
	grads := make([]*graph.Value, len(n.Inputs))
	for i, in := range n.Inputs {
		if !b.Wants(in) {
			continue
		}
		if repeated(e.inputs[i]) {
			b.Fail("differentiate %q: a letter occurs twice in a term of equation %q", n.Name, n.Text("equation"))
			return n.Inputs
		}
		terms, inputs := []string{string(e.output)}, []*graph.Value{dy[0]}
		for j, other := range n.Inputs {
			if j != i {
				terms, inputs = append(terms, string(e.inputs[j])), append(inputs, other)
			}
		}
		grads[i] = b.einsumBack(fmt.Sprint(n.Name, ".d", i), terms, inputs, e.inputs[i], in)
	}
	return grads
}

func repeated(letters []rune) bool {
	sorted := slices.Sorted(slices.Values(letters))
	return len(slices.Compact(sorted)) != len(letters)
}

// einsumBack appends the gradient of the input in, whose term has the letters, given the terms
// and values of dy and of the other inputs.
func (b *Backward) einsumBack(name string, terms []string, inputs []*graph.Value, letters []rune, in *graph.Value) *graph.Value {
	var there []rune // the letters that occur in the other terms
	kept := graph.Shape{}
	for k, letter := range letters {
		if strings.ContainsRune(strings.Join(terms, ""), letter) {
			there, kept = append(there, letter), append(kept, in.Shape[k])
		} else {
			kept = append(kept, graph.Fixed(1))
		}
	}
	g := b.one("Einsum", name, inputs, graph.Attribute{Name: "equation", Value: strings.Join(terms, ",") + "->" + string(there)})
	if len(there) == len(letters) {
		return b.reduceTo(name, g, in)
	}
	return b.expandLike(name, b.Shaped(name+".kept", g, kept), in)
}

// evalEinsum loops over the sizes of all letters, with the letters of the output as the outer
// loops, and adds up the products in the inner loops.
func evalEinsum(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	ranks := make([]int, len(in))
	for i, t := range in {
		ranks[i] = len(t.Shape)
	}
	e, err := parseEinsum(n.Text("equation"), ranks)
	if err != nil {
		return nil, err
	}
	letters := slices.Clone(e.output)
	sizes := map[rune]int{}
	for i, t := range in {
		for k, letter := range e.inputs[i] {
			if !slices.Contains(letters, letter) {
				letters = append(letters, letter)
			}
			if d := sizes[letter]; d > 1 && t.Shape[k] > 1 && d != t.Shape[k] {
				return nil, fmt.Errorf("equation %q does not fit input %s", n.Text("equation"), t)
			}
			sizes[letter] = max(sizes[letter], t.Shape[k])
		}
	}
	shape, all := make([]int, len(e.output)), make([]int, len(letters))
	for i, letter := range letters {
		all[i] = sizes[letter]
		if i < len(shape) {
			shape[i] = sizes[letter]
		}
	}
	y, err := newTensor(in[0].Elem, shape...)
	if err != nil {
		return nil, err
	}
	steps := make([][]int, len(in))
	for i, t := range in {
		steps[i] = make([]int, len(letters))
		own := strides(t.Shape, t.Shape)
		for k, letter := range e.inputs[i] {
			steps[i][slices.Index(letters, letter)] += own[k]
		}
	}
	inner := product(all[len(shape):])
	index := make([]int, len(all))
	for i := range product(shape) {
		y.set(i, sumOfProducts(in, steps, all, index, inner))
	}
	return one(y)
}

// sumOfProducts adds up the products at the given number of positions, beginning at index, which
// it advances.
func sumOfProducts(in []*Tensor, steps [][]int, all, index []int, places int) float64 {
	sum := 0.0
	for range places {
		term := 1.0
		for i, t := range in {
			at := 0
			for k, v := range index {
				at += v * steps[i][k]
			}
			term *= t.At(at)
		}
		sum += term
		next(index, all)
	}
	return sum
}
