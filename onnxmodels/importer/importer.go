package importer

import (
	"errors"
	"fmt"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// Options say how a model is read.
type Options struct {
	// Height and Width are the image size for models that leave it open. With 0, the error for
	// such a model is ErrOpenSize.
	Height, Width int
}

// Model is a classifier of images that was read from a file.
type Model struct {
	// File is the model as it was.
	File *modelfile.Model
	// Graph computes the logits. Its inputs are the image and the parameters, its output
	// the logits. It may have BatchNormalization and Dropout in training mode.
	Graph *graph.Graph
	// Image is the input of images, float32 or uint8, [batch, channels, height, width]
	// or [batch, height, width, channels].
	Image *graph.Value
	// Logits is [batch, classes], before softmax.
	Logits *graph.Value
	// Probabilities says that the file's own output is the softmax of the logits.
	Probabilities bool
	// Parameters are what training may change, in the order in which the model uses them.
	Parameters []Parameter
	// Batch is the number of images that the file fixes, which is a symbol in Graph; 0 if
	// the file leaves it open.
	Batch int
}

// BatchSymbol is the symbol of the batch dimension.
const BatchSymbol = "batch"

// Read turns a classifier of images into a graph.
func Read(m *modelfile.Model, o Options) (*Model, error) {
	r := newReader(m)
	r.float32 = true
	info, err := ImageInput(m)
	if err != nil {
		return nil, err
	}
	c := &Model{File: m, Parameters: r.findParameters(info.GetName())}
	for _, p := range c.Parameters {
		r.parameters[p.Name] = true
	}
	if c.Image, err = r.image(info, o); err != nil {
		return nil, err
	}
	if err := r.read(); err != nil {
		return nil, err
	}
	if err := c.findLogits(r); err != nil {
		return nil, err
	}
	r.findStatistics()
	r.normaliseByBatch(keepsNoStatistics)
	c.Batch = int(r.batch)
	c.Graph = r.b.Graph
	c.Graph.Prune()
	op.SplitParts(c.Graph)
	c.Graph.Prune()
	c.keepUsed(r)
	return c, errors.Join(c.Graph.Err(), checkSizes(c.Graph))
}

// keepsNoStatistics tells whether a batch normalisation has no running statistics, but statistics
// that are computed. In training mode it does not use them, in training and afterwards: it
// standardises the weights of a convolution, or its layer does not track statistics.
func keepsNoStatistics(n *graph.Node) bool {
	producer := n.In("input_mean").Producer()
	if producer.Is("", "Cast") { // running statistics of another type
		producer = producer.Inputs[0].Producer()
	}
	return producer != nil
}

// findStatistics lets batch normalisations read their running statistics directly, where the file has
// an Identity between.
func (r *reader) findStatistics() {
	for _, n := range r.b.Nodes {
		if !n.Is("", "BatchNormalization") {
			continue
		}
		for _, i := range []int{3, 4} {
			for n.Inputs[i].Producer().Is("", "Identity") {
				n.Inputs[i] = n.Inputs[i].Producer().Inputs[0]
			}
		}
	}
}

// keepUsed drops the parameters that the logits do not depend on.
func (c *Model) keepUsed(r *reader) {
	list := c.Parameters
	c.Parameters = nil
	inputs := []*graph.Value{c.Image}
	for _, p := range list {
		if p.Value = r.values[p.Name]; c.Graph.Uses(p.Value) > 0 {
			c.Parameters = append(c.Parameters, p)
			inputs = append(inputs, p.Value)
		}
	}
	c.Graph.Inputs = inputs
}

// ImageInput returns the input of images: the only input that is not an initializer.
func ImageInput(m *modelfile.Model) (*onnxpb.ValueInfo, error) {
	g := m.GetGraph()
	initializer := map[string]bool{}
	for _, t := range g.GetInitializer() {
		initializer[t.GetName()] = true
	}
	var inputs []*onnxpb.ValueInfo
	for _, in := range g.GetInput() {
		if !initializer[in.GetName()] {
			inputs = append(inputs, in)
		}
	}
	if len(inputs) != 1 {
		return nil, fmt.Errorf("it has %d inputs, where a classifier of images has one", len(inputs))
	}
	return inputs[0], nil
}

// ImageSize returns the height and width of the images that a model takes, in pixels. A size that
// the model leaves open is 0.
func ImageSize(m *modelfile.Model) (height, width int, err error) {
	rows, columns, err := imageSides(m)
	if err != nil {
		return 0, 0, err
	}
	return int(max(rows.GetDimValue(), 0)), int(max(columns.GetDimValue(), 0)), nil
}

// ErrOpenSize is the error for a model that takes images of any size if the caller gives no size.
var ErrOpenSize = errors.New("it takes images of any size, and none is given")

// SizeFor returns the height and width of the images that a model takes. If the model leaves them
// open, they are the given ones, and open is true. If none are given (0) either, the error is
// ErrOpenSize.
func SizeFor(m *modelfile.Model, height, width int) (h, w int, open bool, err error) {
	h, w, err = ImageSize(m)
	switch {
	case err != nil || h > 0 && w > 0:
		return h, w, false, err
	case height == 0 || width == 0:
		return 0, 0, true, ErrOpenSize
	}
	return height, width, true, nil
}

// SetImageSize declares that the images of a model have height x width pixels, whatever the model
// declared before.
func SetImageSize(m *modelfile.Model, height, width int) error {
	rows, columns, err := imageSides(m)
	if err != nil {
		return err
	}
	rows.Value = &onnxpb.TensorShape_Dimension_DimValue{DimValue: int64(height)}
	columns.Value = &onnxpb.TensorShape_Dimension_DimValue{DimValue: int64(width)}
	return nil
}

// imageSides returns the dimensions of the input of images that are its rows and its columns.
func imageSides(m *modelfile.Model) (rows, columns *onnxpb.TensorShape_Dimension, err error) {
	info, err := ImageInput(m)
	if err != nil {
		return nil, nil, err
	}
	dims := info.GetType().GetTensorType().GetShape().GetDim()
	if len(dims) != 4 {
		return nil, nil, fmt.Errorf("its input %q has %d dimensions, but a classifier of images takes 4", info.GetName(), len(dims))
	}
	first := 2
	if ChannelsLast(dims[1].GetDimValue(), dims[3].GetDimValue()) {
		first = 1
	}
	return dims[first], dims[first+1], nil
}

// image declares the input of images, with the batch as a symbol.
func (r *reader) image(info *onnxpb.ValueInfo, o Options) (*graph.Value, error) {
	t := info.GetType().GetTensorType()
	elem := r.elem(graph.Elem(t.GetElemType()))
	dims := t.GetShape().GetDim()
	if elem != graph.Float && elem != graph.Uint8 || len(dims) != 4 {
		return nil, fmt.Errorf("its input %q is %s of %d dimensions, but a classifier of images takes float32 or uint8 of 4", info.GetName(), graph.Elem(t.GetElemType()), len(dims))
	}
	shape := graph.Shape{graph.Symbol(BatchSymbol)}
	r.batch = max(dims[0].GetDimValue(), 0)
	last := ChannelsLast(dims[1].GetDimValue(), dims[3].GetDimValue())
	for i, d := range dims[1:] {
		size := d.GetDimValue()
		if size < 1 { // open
			axis := i // 0 channels, 1 height, 2 width
			if last {
				axis = (i + 1) % 3
			}
			size = int64([]int{3, o.Height, o.Width}[axis])
			if size == 0 {
				return nil, ErrOpenSize
			}
		}
		if size > MaxSide {
			return nil, fmt.Errorf("its input %q has a dimension of %d: images have at most %d pixels a side", info.GetName(), size, MaxSide)
		}
		shape = append(shape, graph.Dim{Size: size})
	}
	v := r.b.Input(info.GetName(), elem, shape)
	r.values[info.GetName()] = v
	return v, nil
}

// MaxSide is the largest height and width of images. Larger sizes come from damaged files or from
// files that are meant to exhaust memory.
const MaxSide = 1 << 14

// maxElements is the most elements that a value may have for each image.
const maxElements = 1 << 31

// checkSizes returns an error for values with huge shapes, as a Pad by 65535 makes.
func checkSizes(g *graph.Graph) error {
	var list []error
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			if out != nil && explodes(out.Shape) {
				list = append(list, fmt.Errorf("node %q (%s): its output would be %s, more than %d elements for each image", n.Name, n.Op, out, maxElements))
			}
		}
	}
	return errors.Join(list...)
}

func explodes(s graph.Shape) bool {
	elements := 1.0
	for _, d := range s {
		elements *= float64(d.Size)
	}
	return elements > maxElements
}

// ChannelsLast reports whether images are [n, height, width, channels] and not [n, channels,
// height, width], given the second and the last size of their shape. A model does not say which
// it is, so the dimension that may be that of the channels decides. If both may, or neither,
// channels come first.
func ChannelsLast(second, last int64) bool { return isChannels(last) && !isChannels(second) }

// isChannels reports whether a dimension may be that of the channels: 1 for grey, 3 for colour.
func isChannels(n int64) bool { return n == 1 || n == 3 }

// findLogits finds the output with one number for each class, and goes back from it to the value
// before a final softmax.
func (c *Model) findLogits(r *reader) error {
	outputs := r.model.GetGraph().GetOutput()
	if len(outputs) == 0 {
		return errors.New("it has no output")
	}
	v := r.values[outputs[0].GetName()]
	for n := v.Producer(); n != nil; n = v.Producer() {
		switch {
		case n.Is("", "Softmax") || n.Is("", "LogSoftmax"):
			c.Probabilities = true
			v = n.Inputs[0]
			continue
		case n.Is("", "Identity"):
			v = n.Inputs[0]
			continue
		}
		break
	}
	if len(v.Shape) > 2 { // [batch, classes, 1, 1]
		v = r.b.Flatten("logits", v)
	}
	if len(v.Shape) != 2 || v.Shape[0] != graph.Symbol(BatchSymbol) || v.Shape[1].Symbol != "" || v.Elem != graph.Float {
		return fmt.Errorf("its output %q is %s, but a classifier gives float32 [batch, classes]", outputs[0].GetName(), v)
	}
	c.Logits = v
	r.b.Output(v)
	return r.b.Err()
}
