package onnxmodels

import (
	"encoding/json"
	"fmt"

	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
)

// The forms of input that an inference model can have: the values of MetadataInput.
const (
	// InputUint8NHWC is uint8 [batch, height, width, 3], 0..255, as images are
	// stored: rows from the top, pixels of red, green and blue.
	InputUint8NHWC = "uint8-nhwc"
	// InputFloat32NCHW is float32 [batch, 3, height, width], 0..1: the same
	// divided by 255, a plane a colour.
	InputFloat32NCHW = "float32-nchw"
)

// The keys of an inference model's metadata, which ONNX keeps as pairs of strings
// (metadata_props). A model that was trained on photographs of cats and dogs has
//
//	input    uint8-nhwc
//	resize   fill
//	classes  ["cat","dog"]
//
// With these, and the size in the type of its input, a client knows all that it has to
// do to an image. [FormOf] reads them; in Python they are
// session.get_modelmeta().custom_metadata_map.
const (
	// MetadataClasses is a JSON list of the names of the classes: number i of the
	// outputs logits and probabilities is that of name i. It is left out of a model
	// without names.
	MetadataClasses = "classes"
	// MetadataInput is what the input, image, takes. Nothing else is to be done to
	// pixels: no mean is taken off and no channels are exchanged.
	//
	//	uint8-nhwc    [batch, height, width, 3] of 0..255, as images are stored:
	//	              rows from the top, pixels of red, green and blue
	//	float32-nchw  [batch, 3, height, width] of 0..1: the same divided by 255, a
	//	              plane a colour
	MetadataInput = "input"
	// MetadataResize is how an image of another size comes to that of the input, once it
	// stands upright. Models without it are taken for fill.
	//
	//	fill   cut the largest part of the input's proportions out of the middle, and
	//	       resize it with the Catmull-Rom spline (Pillow: ImageOps.fit with BICUBIC)
	//	exact  it does not: images have the input's size already
	MetadataResize = "resize"
)

// How images of other sizes are brought to a model's: the values of MetadataResize.
const (
	// ResizeFill takes the largest part of the model's proportions in the
	// middle of an image and resizes it with the Catmull-Rom spline, as images
	// of folders are for training (onnxlab/dataset).
	ResizeFill = "fill"
	// ResizeExact takes images of the model's size alone.
	ResizeExact = "exact"
)

// InferenceOptions say which form an inference model has.
type InferenceOptions struct {
	// Input is InputUint8NHWC, the default, or InputFloat32NCHW.
	Input string
	// KeepBatchNorm leaves the BatchNorm operators in the model; else they are
	// folded into the convolutions before them.
	KeepBatchNorm bool
	// Classes are the names of the classes, kept in the model's metadata.
	Classes []string
	// Target is what the model is for. It is one for all of Targets, of which
	// TargetPortable is the default; that for TargetNative has other operators.
	Target string
	// Block is that of TrainingOptions.
	Block int
}

// Inference returns the network with the checkpoint's parameters as an ONNX
// model of one input, image, and two outputs: logits and probabilities, both
// [batch, classes]. The checkpoint of another network, an unknown form of input,
// the wrong number of class names and an unknown target are errors.
func (n *Network) Inference(c *checkpoint.Checkpoint, o InferenceOptions) (*Model, error) {
	b := newBuilder("inference")
	b.constants = c
	var x *graph.Value
	switch o.Input {
	case InputUint8NHWC, "":
		o.Input = InputUint8NHWC
		x = b.normalise(n.byteInput(b))
	case InputFloat32NCHW:
		x = n.floatInput(b)
	default:
		return nil, fmt.Errorf("inference model: input %q is neither %q nor %q", o.Input, InputUint8NHWC, InputFloat32NCHW)
	}
	if len(o.Classes) > 0 && len(o.Classes) != n.classes {
		return nil, fmt.Errorf("inference model: %d class names for %d classes", len(o.Classes), n.classes)
	}
	if err := checkTarget(o.Target); err != nil {
		return nil, fmt.Errorf("inference model: %w", err)
	}
	logits := n.forward(b, x)
	probabilities := b.Softmax(OutputProbabilities, logits)
	b.Rename(logits, OutputLogits)
	b.Rename(probabilities, OutputProbabilities)
	b.Output(logits)
	b.Output(probabilities)
	if b.Err() == nil && !o.KeepBatchNorm {
		lower.FoldBatchNorm(b.Graph)
	}
	if o.Target != TargetNative {
		o.Target = TargetPortable // one model for all of them
	}
	b.lower(o.Target, o.Block)
	return b.Model(metadata(o)...)
}

func metadata(o InferenceOptions) []graph.Property {
	list := []graph.Property{{Key: MetadataInput, Value: o.Input}, {Key: MetadataResize, Value: ResizeFill}}
	if len(o.Classes) > 0 {
		names, _ := json.Marshal(o.Classes) // strings always have a JSON form
		list = append(list, graph.Property{Key: MetadataClasses, Value: string(names)})
	}
	return list
}
