package onnxmodels

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"onnxlab/internal/normalization"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// Normalization is the conversion of bytes to the input of a given model: (byte/255 −
// Mean)/Deviation for each channel.
type Normalization struct {
	// Mean and Deviation have one number for each channel, or one for all channels. If they
	// are empty, they are 0 and 1.
	Mean, Deviation []float32
}

// ParseNormalization reads a normalisation: the name of a preset, 0..1, -1..1 (or tf), 0..255 or
// imagenet (mean and deviation of torchvision's models), or "MEAN,…/DEVIATION,…", with a number
// for each channel of images in 0..1, or one number for all channels.
func ParseNormalization(text string) (n Normalization, err error) {
	if n.Mean, n.Deviation, err = normalization.Parse(text); err != nil {
		err = fmt.Errorf("normalisation %w", err)
	}
	return n, err
}

// NormalizationError says that how images are normalised is not told, or does not fit a given
// model.
type NormalizationError struct{ Problem string }

// Error implements error.
func (e *NormalizationError) Error() string { return "normalisation: " + e.Problem }

// NormalizationOf returns the normalisation that a model's metadata state, in the keys that
// Windows Machine Learning reads. A model that takes bytes needs none.
func NormalizationOf(m *modelfile.Model) (Normalization, error) {
	ranges := map[string]string{"NominalRange_0_255": "0..255", "Normalized_0_1": "0..1", "Normalized_1_1": "-1..1"}
	for _, p := range m.GetMetadataProps() {
		if p.GetKey() == "Image.BitmapPixelFormat" && strings.HasPrefix(p.GetValue(), "Bgr") {
			return Normalization{}, fmt.Errorf("metadata %q: channels in the order of %s are not supported", p.GetKey(), p.GetValue())
		}
	}
	for _, p := range m.GetMetadataProps() {
		if preset := ranges[p.GetValue()]; p.GetKey() == "Image.NominalPixelRange" && preset != "" {
			return ParseNormalization(preset)
		}
	}
	if v, err := importer.ImageInput(m); err == nil && graph.Elem(v.GetType().GetTensorType().GetElemType()) == graph.Uint8 {
		return Normalization{}, nil
	}
	return Normalization{}, errors.New("the model's metadata do not tell how it takes images: say 0..1, -1..1, 0..255, imagenet or MEAN,MEAN,MEAN/DEVIATION,DEVIATION,DEVIATION")
}

// GivenOptions say how a given model is trained.
type GivenOptions struct {
	// Normalization, if not nil, is put before the model, whose input is then InputImage,
	// as in other networks. If it is nil, the model keeps its own input.
	Normalization *Normalization
	// Train selects the parameters to train, by patterns of their names (see path.Match)
	// or "all". A pattern that begins with "-" removes the parameters that it matches. An
	// empty list means all.
	Train []string
	// New names the parameters that start with random numbers instead of the file's values:
	// the weight and the bias of a new classifier.
	New []string
	// BatchNorm says which statistics batch normalisation uses in training: BatchNormAuto
	// (the default), BatchNormTrain or BatchNormFreeze.
	BatchNorm string
}

// These constants say what the BatchNormalization of a given model does in training.
const (
	// BatchNormAuto is BatchNormTrain for nodes that the file has in training mode, unless
	// their scale and bias are both frozen, and BatchNormFreeze for all others, as in Keras.
	BatchNormAuto = "auto"
	// BatchNormTrain normalises by the batch's statistics and updates the running ones.
	BatchNormTrain = "train"
	// BatchNormFreeze normalises by the file's running statistics.
	BatchNormFreeze = "freeze"
)

// Given returns the network of a given model. Its parameters have their names in the
// file, and start with the file's values.
func Given(m *importer.Model, o GivenOptions) (*Network, error) {
	switch o.BatchNorm {
	case "":
		o.BatchNorm = BatchNormAuto
	case BatchNormAuto, BatchNormTrain, BatchNormFreeze:
	default:
		return nil, fmt.Errorf("batch normalisation %q is none of auto, train and freeze", o.BatchNorm)
	}
	g := &given{Model: m, GivenOptions: o}
	if err := g.choose(); err != nil {
		return nil, err
	}
	n := &Network{channels: colourChannels, layers: []Layer{g}, given: g}
	n.height, n.width, _ = g.size()
	if head, err := m.Head(); err == nil {
		n.head = head.Names()
	}
	if o.Normalization != nil {
		if err := g.checkNormalization(); err != nil {
			return nil, err
		}
	}
	return n, n.declare()
}

func (g *given) checkNormalization() error {
	n := *g.Normalization
	_, _, channels := g.size()
	if g.Image.Elem == graph.Uint8 && (channels == 1 || len(n.Mean)+len(n.Deviation) > 0) {
		return &NormalizationError{"a model that takes bytes is given red, green and blue as they are (0..255)"}
	}
	for _, list := range [][]float32{n.Mean, n.Deviation} {
		switch {
		case len(list) > 1 && channels == 1:
			return &NormalizationError{fmt.Sprintf("%d numbers for grey images, which take one", len(list))}
		case len(list) > 1 && len(list) != channels:
			return &NormalizationError{fmt.Sprintf("%d numbers for images of %d channels", len(list), channels)}
		}
	}
	if slices.Contains(n.Deviation, 0) {
		return &NormalizationError{"a deviation is 0"}
	}
	return nil
}

// given is a given model as a layer.
type given struct {
	*importer.Model
	GivenOptions
	frozen map[string]bool
}

// choose finds the frozen parameters from the patterns of the options.
func (g *given) choose() error {
	g.frozen = map[string]bool{}
	patterns := g.Train
	if len(patterns) == 0 || strings.HasPrefix(patterns[0], "-") {
		patterns = append([]string{"all"}, patterns...)
	}
	if len(g.Parameters) == 0 {
		return errors.New("it has no parameters of floating point, as models in int8 have none, so that nothing can be trained")
	}
	used := make([]bool, len(patterns))
	trained := 0
	for _, p := range g.Parameters {
		chosen := false
		for i, pattern := range patterns {
			bare, out := strings.CutPrefix(pattern, "-")
			matches := bare == "all"
			if !matches {
				var err error
				if matches, err = path.Match(bare, p.Name); err != nil {
					return fmt.Errorf("pattern %q of parameters: %w", pattern, err)
				}
			}
			if matches {
				chosen, used[i] = !out, true
			}
		}
		if g.frozen[p.Name] = !chosen || p.Kind == importer.Statistic; !g.frozen[p.Name] {
			trained++
		}
	}
	for i, u := range used {
		if !u {
			return fmt.Errorf("pattern %q matches no parameter", patterns[i])
		}
	}
	if trained == 0 {
		return errors.New("no parameter is left to train")
	}
	return nil
}

// size returns the size of the images.
func (g *given) size() (height, width, channels int) {
	s := g.Image.Shape
	if g.channelsLast() {
		return int(s[1].Size), int(s[2].Size), int(s[3].Size)
	}
	return int(s[2].Size), int(s[3].Size), int(s[1].Size)
}

// channelsLast tells whether the model takes [batch, height, width, channels].
func (g *given) channelsLast() bool {
	channels := func(i int) bool { return g.Image.Shape[i].Size == 1 || g.Image.Shape[i].Size == 3 }
	return channels(3) && !channels(1)
}

// input declares the model's own input.
func (g *given) input(b *Builder) *graph.Value {
	return b.Input(g.Image.Name, g.Image.Elem, g.fixed(b, g.Image.Shape))
}

// prepare converts bytes [n, h, w, c] to the model's input.
func (g *given) prepare(b *Builder, bytes *graph.Value) *graph.Value {
	if _, _, channels := g.size(); g.Image.Elem == graph.Uint8 && channels == 3 {
		if g.channelsLast() {
			return bytes
		}
		return b.Transpose("image.planar", bytes, 0, 3, 1, 2)
	}
	const perByte = 1.0 / 255
	return g.normalise(b, b.ImageInput("image", bytes, perByte, graph.Float))
}

// grey converts planes of red, green and blue to planes [n, 1, h, w] of luminance, with the weights
// of ITU-R BT.601, as Pillow's mode "L" does.
func grey(b *Builder, x *graph.Value) *graph.Value {
	weights := b.Floats("image.luminance_weights", []int{3, 1, 1}, []float32{0.299, 0.587, 0.114})
	return b.ReduceSum("image.luminance", b.Binary("Mul", "image.weighted", x, weights), true, 1)
}

// normalise converts planes [n, 3, h, w] of 0..1 to the model's input.
func (g *given) normalise(b *Builder, x *graph.Value) *graph.Value {
	constant := func(name string, list []float32) *graph.Value {
		return b.Floats(name, []int{len(list), 1, 1}, list)
	}
	if _, _, channels := g.size(); channels == 1 {
		x = grey(b, x)
	}
	if mean := g.Normalization.Mean; len(mean) > 0 {
		x = b.Binary("Sub", "image.centred", x, constant("image.mean", mean))
	}
	if deviation := g.Normalization.Deviation; len(deviation) > 0 {
		inverse := make([]float32, len(deviation))
		for i, d := range deviation {
			inverse[i] = 1 / d
		}
		x = b.Binary("Mul", "image.normalised", x, constant("image.inverse_deviation", inverse))
	}
	if g.channelsLast() {
		x = b.Transpose("image.last", x, 0, 2, 3, 1)
	}
	return x
}

// fixed returns the shape with the builder's batch size in place of the symbol.
func (g *given) fixed(b *Builder, s graph.Shape) graph.Shape {
	if b.batch.Symbol == BatchSymbol || s == nil {
		return s
	}
	fixed := slices.Clone(s)
	for i, d := range fixed {
		if d.Symbol == importer.BatchSymbol {
			fixed[i] = graph.Dim{Size: d.Size * b.batch.Size}
		}
	}
	return fixed
}

// Build implements Layer: it appends the model's operators.
func (g *given) Build(b *Builder, x *graph.Value) *graph.Value {
	values := map[*graph.Value]*graph.Value{nil: nil, g.Image: x}
	g.append(b, g.Graph.Nodes, values)
	return values[g.Logits]
}

// append appends nodes of the model, with the parameters and constants that they need. values
// maps the values of the model to those of b.
func (g *given) append(b *Builder, nodes []*graph.Node, values map[*graph.Value]*graph.Value) {
	taken := map[*graph.Value]bool{}
	for _, n := range nodes {
		for _, in := range n.Inputs {
			taken[in] = true
		}
	}
	for _, p := range g.Parameters {
		if taken[p.Value] {
			shape := p.Value.Shape.Sizes()
			values[p.Value] = b.Parameter(Parameter{Name: p.Name, Shape: shape, Trainable: !g.frozen[p.Name], Decay: len(shape) > 1}, g.initializer(p))
		}
	}
	for _, c := range g.Graph.Constants {
		if taken[c] {
			values[c] = b.Constant(c.Name, c.Elem, c.Shape.Sizes(), c.Data())
		}
	}
	folding := op.Folding(b.Graph)
	for _, n := range nodes {
		g.node(b, folding, n, values)
	}
}

// node appends one node of the model.
func (g *given) node(b *Builder, folding op.Builder, n *graph.Node, values map[*graph.Value]*graph.Value) {
	c := op.Call{Name: n.Name, Attributes: n.Attributes}
	for _, in := range n.Inputs {
		c.Inputs = append(c.Inputs, values[in])
	}
	switch {
	case n.Is("", "BatchNormalization"):
		values[n.Outputs[0]] = g.batchNorm(b, n, c.Inputs)
		return
	case n.Is("", "Dropout"):
		values[n.Outputs[0]] = g.dropout(b, n, c.Inputs[0])
		return
	}
	for _, out := range n.Outputs {
		if out == nil {
			c.Want, c.Types = append(c.Want, false), append(c.Types, graph.Type{})
			continue
		}
		c.Want = append(c.Want, true)
		c.Types = append(c.Types, graph.Type{Elem: out.Elem, Shape: g.fixed(b, out.Shape)})
	}
	for i, v := range folding.Do(n.Domain, n.Op, c) {
		if i < len(n.Outputs) {
			values[n.Outputs[i]] = v
		}
	}
}

// normTrains tells whether a normalisation uses the statistics of the batch in training. One without
// running statistics in the file does not.
func (g *given) normTrains(n *graph.Node) bool {
	if !g.keepsStatistics(n) {
		return false
	}
	if g.BatchNorm == BatchNormAuto {
		return n.Flag("training_mode") && (!g.frozen[n.In("scale").Name] || !g.frozen[n.In("B").Name])
	}
	return g.BatchNorm == BatchNormTrain
}

// keepsStatistics tells whether a normalisation has running statistics in the file.
func (g *given) keepsStatistics(n *graph.Node) bool {
	return slices.Contains(g.Graph.Inputs, n.In("input_mean")) && slices.Contains(g.Graph.Inputs, n.In("input_var"))
}

// HasBatchNorm tells whether the network is a given model that has BatchNormalization with running
// statistics, which [GivenOptions.BatchNorm] is about.
func (n *Network) HasBatchNorm() bool {
	return n.given != nil && slices.ContainsFunc(n.given.Graph.Nodes, func(node *graph.Node) bool {
		return node.Is("", "BatchNormalization") && n.given.keepsStatistics(node)
	})
}

// batchNorm appends a batch normalisation, as the options say.
func (g *given) batchNorm(b *Builder, n *graph.Node, in []*graph.Value) *graph.Value {
	if !b.Training && !b.measuring || !g.normTrains(n) {
		return b.BatchNormInference(n.Name, in[0], in[1], in[2], in[3], in[4], n.Float("epsilon"))
	}
	l := &norm{
		Builder: b, name: n.Name, BatchNormOptions: BatchNormOptions{Momentum: n.Float("momentum"), Epsilon: n.Float("epsilon")},
		scale: in[1], bias: in[2], mean: in[3], variance: in[4],
	}
	if b.measuring {
		return l.measure(in[0])
	}
	return l.train(in[0])
}

// dropout appends a Dropout if the node is in training mode.
func (g *given) dropout(b *Builder, n *graph.Node, x *graph.Value) *graph.Value {
	if rate := dropRate(n); rate > 0 {
		return Dropout(n.Name, rate).Build(b, x)
	}
	return x
}

// dropRate returns the share of values that a Dropout drops in training: 0 if the node is not in
// training mode.
func dropRate(n *graph.Node) float32 {
	mode, ratio := n.In("training_mode"), n.In("ratio")
	switch {
	case mode == nil || op.TensorOf(mode) == nil || op.TensorOf(mode).Ints[0] == 0:
		return 0
	case ratio != nil:
		return ratio.Floats()[0]
	}
	return 0.5
}

// initializer returns the initializer of a parameter: the file's values, or those of a new layer.
func (g *given) initializer(p importer.Parameter) Initializer {
	if slices.Contains(g.New, p.Name) {
		shape := p.Value.Shape.Sizes()
		if len(shape) < 2 {
			return Zeros
		}
		return GlorotUniform(shape[0], shape[1]) // the order of the two sizes does not matter
	}
	return func(*rand.Rand, int) []float32 { return p.Floats() }
}
