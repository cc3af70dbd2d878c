package onnxmodels

import (
	"encoding/json"
	"fmt"

	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/modelfile"
)

// The forms of input that an inference model can have.
const (
	// InputUint8NHWC is uint8 [batch, height, width, 3], 0..255, as images are
	// stored: rows from the top, pixels of red, green and blue.
	InputUint8NHWC = "uint8-nhwc"
	// InputFloat32NCHW is float32 [batch, 3, height, width], 0..1: the same
	// divided by 255, a plane a colour.
	InputFloat32NCHW = "float32-nchw"
)

// The keys of an inference model's metadata.
const (
	// MetadataClasses is a JSON list of the class names.
	MetadataClasses = "classes"
	// MetadataInput is the form of the input. It says all of the preprocessing
	// but the size of images.
	MetadataInput = "input"
	// MetadataResize is how images come to the model's size: ResizeFill.
	MetadataResize = "resize"
)

// How images of other sizes are brought to a model's.
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
// the wrong number of class names and an unknown target are errors. The upper part of a [Cut]
// has the input features, whatever the options say.
func (n *Network) Inference(c *checkpoint.Checkpoint, o InferenceOptions) (*modelfile.Model, error) {
	b := newBuilder("inference")
	b.constants = c
	switch o.Input {
	case "":
		o.Input = InputUint8NHWC
	case InputUint8NHWC, InputFloat32NCHW:
	default:
		return nil, fmt.Errorf("inference model: input %q is neither %q nor %q", o.Input, InputUint8NHWC, InputFloat32NCHW)
	}
	if n.ownInput() {
		return nil, fmt.Errorf("inference model: the normalisation of the given model's input %q is not told", n.InputName())
	}
	if n.features > 0 {
		o.Input = InputFeatures
	}
	x := n.prepare(b, n.input(b, o.Input))
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
