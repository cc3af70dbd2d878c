package op

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// section is a part of a value that a Slice or a Gather reads: the indices start..start+size−1
// along one axis.
type section struct {
	node        *graph.Node
	axis        int
	start, size int64
}

// SplitParts replaces Slices and Gathers that together read all of a value, each a different
// section, by a Split. The gradient of Split joins the gradients of its outputs in one pass over
// memory. The gradient of each Slice would be a whole tensor, mostly zeros, and all of them would
// have to be added.
func SplitParts(g *graph.Graph) {
	users := map[*graph.Value][]section{}
	for _, n := range g.Nodes {
		if p, ok := sectionOf(n); ok && !slices.Contains(g.Outputs, n.Outputs[0]) {
			users[n.Inputs[0]] = append(users[n.Inputs[0]], p)
		}
	}
	b := Folding(g)
	for _, n := range slices.Clone(g.Nodes) {
		for _, x := range n.Outputs {
			if parts := wholeOf(x, users[x]); parts != nil {
				var values []*graph.Value
				g.After(n, func() { values = b.split(x, parts) })
				for i, v := range values {
					g.Replace(parts[i].node.Outputs[0], v)
				}
			}
		}
	}
}

// sectionOf returns the section of its first input that a node reads, and whether it reads a
// single section of fixed size.
func sectionOf(n *graph.Node) (section, bool) {
	switch {
	case n.Is("", "Gather"):
		x, at := n.Inputs[0], TensorOf(n.Inputs[1])
		axis, err := axisOf(x, n.Int("axis"))
		if err != nil || at == nil || at.Len() != 1 || x.Shape[axis].Symbol != "" {
			return section{}, false
		}
		start, err := axisIn(at.Ints[0], x.Size(axis))
		return section{n, axis, int64(start), 1}, err == nil
	case n.Is("", "Slice"):
		x := n.Inputs[0]
		cuts, err := cutsOf(n)
		if err != nil {
			return section{}, false
		}
		cuts = slices.DeleteFunc(cuts, func(c cut) bool { return c.step == 1 && n.Outputs[0].Shape[c.axis] == x.Shape[c.axis] })
		if len(cuts) != 1 || cuts[0].step != 1 || x.Shape[cuts[0].axis].Symbol != "" {
			return section{}, false
		}
		start, size := cuts[0].within(x.Shape[cuts[0].axis].Size)
		return section{n, cuts[0].axis, start, size}, size > 0
	}
	return section{}, false
}

// wholeOf returns the sections in order if they cover x without overlapping, else nil.
func wholeOf(x *graph.Value, parts []section) []section {
	if x == nil || len(parts) < 2 || !x.Elem.Floating() {
		return nil
	}
	slices.SortStableFunc(parts, func(a, b section) int { return int(a.start - b.start) })
	end := int64(0)
	for _, p := range parts {
		if p.axis != parts[0].axis || p.start != end {
			return nil
		}
		end += p.size
	}
	if end != x.Shape[parts[0].axis].Size {
		return nil
	}
	return parts
}

// split appends a Split of x and returns values that can replace the outputs of the sections'
// nodes.
func (b Builder) split(x *graph.Value, parts []section) []*graph.Value {
	name := b.Local(parts[0].node.Name) + ".parts"
	sizes := make([]int64, len(parts))
	c := Call{Name: name, Attributes: []graph.Attribute{{Name: "axis", Value: int64(parts[0].axis)}}}
	for i, p := range parts {
		sizes[i], c.Want = p.size, append(c.Want, true)
	}
	c.Inputs = []*graph.Value{x, b.Ints(name+".sizes", sizes...)}
	values := slices.Clone(b.Do("", "Split", c))
	for i, v := range values {
		values[i] = b.Shaped(b.Local(parts[i].node.Name)+".part", v, parts[i].node.Outputs[0].Shape)
	}
	return values
}
