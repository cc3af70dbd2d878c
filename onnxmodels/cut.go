package onnxmodels

import (
	"errors"
	"fmt"
	"slices"

	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/modelfile"
)

// InputFeatures is the input of a network that begins at a cut: float32 [batch, features].
const InputFeatures = "features"

// Cut is a given model in two parts. Training does not change the lower part: all its
// parameters are frozen, its batch normalisation uses the running statistics, and it has no
// dropout. So its output for an image, the image's features, is the same in every epoch.
type Cut struct {
	// Upper is the rest of the network, which takes features instead of images. It has the
	// parameters that it uses, under their names in the whole network.
	Upper *Network

	whole *Network
	// values are the outputs of the lower part that the upper part uses, in their order in
	// the features.
	values []*graph.Value
	// lower and upper are the nodes of each part, in the order of the model.
	lower, upper []*graph.Node
}

// Cut cuts the network of a given model behind the last values that training does not
// change. It returns an error if there are no such values because the first layers are trained,
// or if the network is not a given model.
func (n *Network) Cut() (*Cut, error) {
	if n.given == nil {
		return nil, errors.New("cut the network: only a given model has frozen layers")
	}
	s := n.given.split()
	if s.images {
		return nil, fmt.Errorf("cut the network: its first layers are trained, or normalise by the batch, or drop values, beginning with node %q (%s): no layer gives the same in every epoch",
			s.first.Name, s.first.Op)
	}
	c := &Cut{whole: n, values: s.cut}
	for _, node := range n.given.Graph.Nodes {
		if s.below[node] {
			c.lower = append(c.lower, node)
		}
		if s.above[node] {
			c.upper = append(c.upper, node)
		}
	}
	c.Upper = &Network{height: n.height, width: n.width, channels: n.channels, features: c.size(), head: n.head, loss: n.loss, multiLabel: n.multiLabel, layers: []Layer{layerFunc(c.buildUpper)}}
	return c, c.Upper.declare()
}

// size returns the number of features of each image.
func (c *Cut) size() int {
	total := 0
	for _, v := range c.values {
		total += perImage(v)
	}
	return total
}

// perImage returns the number of elements for each image of a value [batch, ...].
func perImage(v *graph.Value) int {
	size, _ := v.Shape[1:].Elements()
	return size
}

// Lower returns the lower part with the checkpoint's parameters as an ONNX model of one input,
// image, and one output, features, float32 [batch, Upper.Features()]. Of the options it only uses
// Target, Block and KeepBatchNorm.
func (c *Cut) Lower(parameters *checkpoint.Checkpoint, o InferenceOptions) (*modelfile.Model, error) {
	if err := checkTarget(o.Target); err != nil {
		return nil, fmt.Errorf("model of features: %w", err)
	}
	b := newBuilder("features")
	b.constants = parameters
	features := c.buildLower(b, c.whole.prepare(b, c.whole.input(b, InputUint8NHWC)))
	b.Rename(features, InputFeatures)
	b.Output(features)
	if b.Err() == nil && !o.KeepBatchNorm {
		lower.FoldBatchNorm(b.Graph)
	}
	if o.Target != TargetNative {
		o.Target = TargetPortable
	}
	b.lower(o.Target, o.Block, c.whole.given != nil)
	return b.Model()
}

// buildLower appends the lower part and returns the features of the images x.
func (c *Cut) buildLower(b *Builder, x *graph.Value) *graph.Value {
	g := c.whole.given
	values := map[*graph.Value]*graph.Value{nil: nil, g.Image: x}
	g.append(b, c.lower, values)
	var parts []*graph.Value
	for _, v := range c.values {
		parts = append(parts, b.Flatten("features.flat", values[v]))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return b.Concat("features.joined", parts, 1, graph.Fixed(c.Upper.features))
}

// buildUpper appends the upper part and returns the logits.
func (c *Cut) buildUpper(b *Builder, features *graph.Value) *graph.Value {
	g := c.whole.given
	values := map[*graph.Value]*graph.Value{nil: nil}
	from := 0
	for _, v := range c.values {
		part, size := features, perImage(v)
		if len(c.values) > 1 {
			part = b.Columns("features.part", features, from, from+size)
		}
		values[v] = b.Shaped("features.shaped", part, g.fixed(b, v.Shape))
		from += size
	}
	g.append(b, c.upper, values)
	return values[g.Logits]
}

// split records for each node of a model whether it is below the cut or above it. Nodes that do
// not depend on images may be in both parts.
type split struct {
	given  *given
	course map[*graph.Value]course
	cut    []*graph.Value
	below  map[*graph.Node]bool
	above  map[*graph.Node]bool
	images bool        // the upper part needs the images themselves, so there is no cut
	first  *graph.Node // the first node whose outputs change in training
}

// course says how a value changes during training.
type course int

const (
	constant course = iota // depends only on frozen parameters and constants
	sized                  // depends on the number of images, too
	still                  // depends on the image, and is the same in every epoch
	changing               // changes in training
)

// split finds the cut.
func (g *given) split() *split {
	s := &split{given: g, course: map[*graph.Value]course{g.Image: still}, below: map[*graph.Node]bool{}, above: map[*graph.Node]bool{}}
	for _, p := range g.Parameters {
		if !g.frozen[p.Name] {
			s.course[p.Value] = changing
		}
	}
	for _, n := range g.Graph.Nodes {
		s.follow(n)
	}
	s.ascend(g.Logits)
	for _, v := range s.cut {
		s.descend(v)
	}
	return s
}

// follow finds the course of a node's outputs. A value without a batch dimension that depends on
// images, such as a sum over the batch, depends on the other images of the batch and so changes.
func (s *split) follow(n *graph.Node) {
	c := constant
	for _, in := range n.Inputs {
		c = max(c, s.course[in])
	}
	switch {
	case s.given.changes(n):
		c = changing
	case n.Is("", "Shape"):
		c = min(c, sized)
	}
	for _, out := range n.Outputs {
		if out != nil && c == still && !slices.ContainsFunc(out.Shape, isBatch) {
			c = changing
		}
	}
	if c == changing && s.first == nil {
		s.first = n
	}
	for _, out := range n.Outputs {
		if out != nil {
			s.course[out] = c
		}
	}
}

// changes tells whether a node behaves differently in training than in inference.
func (g *given) changes(n *graph.Node) bool {
	switch {
	case n.Is("", "BatchNormalization"):
		return g.normTrains(n)
	case n.Is("", "Dropout"):
		return dropRate(n) > 0
	}
	return false
}

func isBatch(d graph.Dim) bool { return d.Symbol != "" }

// cuttable tells whether a value is float32 [batch, ...], so that it can be cut into features of
// single images.
func cuttable(v *graph.Value) bool {
	return v.Elem == graph.Float && len(v.Shape) > 1 && v.Shape[0].Symbol != "" && v.Shape[0].Size == 1 &&
		!slices.ContainsFunc(v.Shape[1:], isBatch)
}

// ascend puts the nodes that v depends on into the upper part, down to the cut.
func (s *split) ascend(v *graph.Value) {
	if v == nil || slices.Contains(s.cut, v) {
		return
	}
	n := v.Producer()
	switch {
	case v == s.given.Image:
		s.images = true
	case s.course[v] == still && cuttable(v):
		s.cut = append(s.cut, v)
	case n != nil && !s.above[n]:
		s.above[n] = true
		for _, in := range n.Inputs {
			s.ascend(in)
		}
	}
}

// descend puts the nodes that v depends on into the lower part.
func (s *split) descend(v *graph.Value) {
	if v == nil || v.Producer() == nil || s.below[v.Producer()] {
		return
	}
	s.below[v.Producer()] = true
	for _, in := range v.Producer().Inputs {
		s.descend(in)
	}
}
