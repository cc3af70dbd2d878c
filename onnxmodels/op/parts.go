package op

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// taken is what a Slice or a Gather takes of a value: neighbours along one axis.
type taken struct {
	node        *graph.Node
	axis        int
	start, size int64
}

// SplitParts replaces Slices and Gathers that together take all of a value, one part beside
// another, by a Split. Its gradient joins theirs, which is one pass over memory where each of
// them would fill a tensor of zeros and all would be added.
func SplitParts(g *graph.Graph) {
	users := map[*graph.Value][]taken{}
	for _, n := range g.Nodes {
		if p, ok := partOf(n); ok && !slices.Contains(g.Outputs, n.Outputs[0]) {
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

// partOf tells which part of its first input a node takes, if it is a single one of fixed
// size.
func partOf(n *graph.Node) (taken, bool) {
	switch {
	case n.Is("", "Gather"):
		x, at := n.Inputs[0], TensorOf(n.Inputs[1])
		axis, err := axisOf(x, n.Int("axis"))
		if err != nil || at == nil || at.Len() != 1 || x.Shape[axis].Symbol != "" {
			return taken{}, false
		}
		start, err := axisIn(at.Ints[0], x.Size(axis))
		return taken{n, axis, int64(start), 1}, err == nil
	case n.Is("", "Slice"):
		x := n.Inputs[0]
		cuts, err := cutsOf(n)
		if err != nil {
			return taken{}, false
		}
		cuts = slices.DeleteFunc(cuts, func(c cut) bool { return c.step == 1 && n.Outputs[0].Shape[c.axis] == x.Shape[c.axis] })
		if len(cuts) != 1 || cuts[0].step != 1 || x.Shape[cuts[0].axis].Symbol != "" {
			return taken{}, false
		}
		start, size := cuts[0].places(x.Shape[cuts[0].axis].Size)
		return taken{n, cuts[0].axis, start, size}, size > 0
	}
	return taken{}, false
}

// wholeOf returns the parts in their order, if they are all of x, each element in one of them.
func wholeOf(x *graph.Value, parts []taken) []taken {
	if x == nil || len(parts) < 2 || !x.Elem.Floating() {
		return nil
	}
	slices.SortStableFunc(parts, func(a, b taken) int { return int(a.start - b.start) })
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

// split appends a Split of x, and returns what the nodes that take its parts give.
func (b Builder) split(x *graph.Value, parts []taken) []*graph.Value {
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
