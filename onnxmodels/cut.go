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

// Cut is a model from outside in two parts. Training does not change the lower part: all its
// parameters are frozen, its batch normalisation keeps the running statistics, and it drops
// nothing. So what it gives for an image, the image's features, is the same in every epoch.
type Cut struct {
	// Upper is the rest of the network, which takes features in place of images. It has the
	// parameters that it uses, by their names in the whole network.
	Upper *Network

	whole *Network
	// values are what the upper part takes of the lower one, in their order in the features.
	values []*graph.Value
	// lower and upper are the nodes of each part, in the order of the model.
	lower, upper []*graph.Node
}

// Cut cuts the network of a model from outside at the last values that training does not
// change. It is an error if there is nothing to cut off: if the first layers are trained, or
// the network is no model from outside.
func (n *Network) Cut() (*Cut, error) {
	if n.given == nil {
		return nil, errors.New("cut the network: only a model from outside has frozen layers")
	}
	s := n.given.split()
	if s.images {
		return nil, errors.New("cut the network: its first layers are trained, or normalise by the batch, or drop values: no layer gives the same in every epoch")
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

// size counts the numbers of each image in the values at the cut.
func (c *Cut) size() int {
	total := 0
	for _, v := range c.values {
		total += perImage(v)
	}
	return total
}

// perImage is how many elements a value [batch, ...] has for each image.
func perImage(v *graph.Value) int {
	size, _ := v.Shape[1:].Elements()
	return size
}

// Lower returns the lower part with the checkpoint's parameters as an ONNX model of one input,
// image, and one output, features, float32 [batch, Upper.Features()]. Of the options it heeds the
// target and its block, and KeepBatchNorm.
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

// split says of each node of a model whether it is below the cut, above it, or, if it does
// not depend on images, in both parts.
type split struct {
	given  *given
	course map[*graph.Value]course
	cut    []*graph.Value
	below  map[*graph.Node]bool
	above  map[*graph.Node]bool
	images bool // the upper part takes the images themselves
}

// course is how a value behaves in training.
type course int

const (
	constant course = iota // the same for all images: made of frozen parameters and constants
	still                  // an image's own, and the same in every epoch
	changing               // what training changes
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

// follow finds the course of a node's outputs. A value of images that has no batch among its
// dimensions, such as a sum over all of them, is not an image's own.
func (s *split) follow(n *graph.Node) {
	c := constant
	for _, in := range n.Inputs {
		c = max(c, s.course[in])
	}
	if s.given.changes(n) {
		c = changing
	}
	for _, out := range n.Outputs {
		if out != nil && c == still && !slices.ContainsFunc(out.Shape, isBatch) {
			c = changing
		}
	}
	for _, out := range n.Outputs {
		if out != nil {
			s.course[out] = c
		}
	}
}

// changes tells whether a node does in training what it does at no other time.
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

// cuttable tells whether a value is float32 [batch, ...], so that each image's part can be kept.
func cuttable(v *graph.Value) bool {
	return v.Elem == graph.Float && len(v.Shape) > 1 && v.Shape[0].Symbol != "" && v.Shape[0].Size == 1 &&
		!slices.ContainsFunc(v.Shape[1:], isBatch)
}

// ascend puts what v is made of into the upper part, as far down as the cut.
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

// descend puts what v is made of into the lower part.
func (s *split) descend(v *graph.Value) {
	if v == nil || v.Producer() == nil || s.below[v.Producer()] {
		return
	}
	s.below[v.Producer()] = true
	for _, in := range v.Producer().Inputs {
		s.descend(in)
	}
}
