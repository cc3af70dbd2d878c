package graph

import "slices"

// Uses counts how often v is used: as an input of a node or as an output of the graph.
func (g *Graph) Uses(v *Value) int {
	n := 0
	for _, node := range g.Nodes {
		for _, in := range node.Inputs {
			if in == v {
				n++
			}
		}
	}
	for _, out := range g.Outputs {
		if out == v {
			n++
		}
	}
	return n
}

// Replace makes all users of old use v instead, which must be computed before
// them. If old is an output of the graph, v takes its name.
func (g *Graph) Replace(old, v *Value) {
	for _, n := range g.Nodes {
		for i, in := range n.Inputs {
			if in == old {
				n.Inputs[i] = v
			}
		}
	}
	for i, out := range g.Outputs {
		if out == old {
			g.Outputs[i] = v
			g.takeName(v, old)
		}
	}
}

// takeName gives v the name of the output old, and its own name to the value that had that name:
// old itself, or one of those that took its place. An input or another output keeps its name,
// since others know it by that.
func (g *Graph) takeName(v, old *Value) {
	known := 0
	for _, out := range g.Outputs {
		if out == v {
			known++
		}
	}
	if v.producer == nil || old.producer == nil || known > 1 {
		return
	}
	holder := old
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			if out != nil && out != old && out.Name == old.Name {
				holder = out
			}
		}
	}
	name := old.Name
	holder.Name = v.Name
	v.Name = name
	g.valueNames[name] = true
}

// Prune removes the nodes and constants that no output depends on.
func (g *Graph) Prune() {
	needed := map[*Value]bool{}
	for _, v := range g.Outputs {
		needed[v] = true
	}
	used := func(v *Value) bool { return v != nil && needed[v] }
	kept := g.Nodes[:0:0]
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.Outputs, used) {
			continue
		}
		for _, in := range n.Inputs {
			needed[in] = true
		}
		kept = append(kept, n)
	}
	slices.Reverse(kept)
	g.Nodes = kept
	g.Constants = slices.DeleteFunc(g.Constants, func(v *Value) bool { return !needed[v] })
}

// Copy appends a copy of n that reads other inputs, which must have the same types, and
// returns the outputs of the copy.
func (g *Graph) Copy(n *Node, inputs []*Value) []*Value {
	outputs := make([]Type, len(n.Outputs))
	for i, out := range n.Outputs {
		if out != nil {
			outputs[i] = out.Type()
		}
	}
	prefix := g.prefix
	defer func() { g.prefix = prefix }()
	g.prefix = ""
	return slices.Clone(g.Append(n.Schema, n.Name, inputs, n.Attributes, outputs...).Outputs)
}

// Users returns the nodes that v is an input of.
func (g *Graph) Users(v *Value) []*Node {
	var users []*Node
	for _, n := range g.Nodes {
		if slices.Contains(n.Inputs, v) {
			users = append(users, n)
		}
	}
	return users
}

// After inserts the nodes that build appends right behind n. Their constants go behind
// the last constant that was appended before n.
func (g *Graph) After(n *Node, build func()) {
	at := slices.Index(g.Nodes, n)
	if at < 0 {
		g.Fail("insert nodes after %q: the graph has no such node", n.Name)
		return
	}
	behind := slices.Clone(g.Nodes[at+1:])
	g.Nodes = g.Nodes[: at+1 : at+1]
	constants := g.Constants
	g.Constants = nil
	build()
	g.Nodes = append(g.Nodes, behind...)
	position := slices.Index(constants, n.lastConstant) + 1
	if n.lastConstant != nil && position == 0 {
		position = len(constants)
	}
	g.Constants = slices.Insert(constants, position, g.Constants...)
}

// Substitute removes n and puts the nodes that build appends in its place, which may take
// the names of n and of its outputs. build returns a value for each output of n, or nil for
// an output that nothing uses.
func (g *Graph) Substitute(n *Node, build func() []*Value) {
	var values []*Value
	g.After(n, func() {
		g.Nodes = g.Nodes[:len(g.Nodes)-1]
		delete(g.nodeNames, n.Name)
		for _, out := range n.Outputs {
			if out != nil {
				delete(g.valueNames, out.Name)
			}
		}
		values = build()
	})
	for i, v := range values {
		if old := n.Outputs[i]; old != nil && v != nil {
			g.Replace(old, v)
		}
	}
}
