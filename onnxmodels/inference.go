package onnxmodels

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/lower"
	"onnxlab/onnxmodels/modelfile"
)

// The forms of input that an inference model can have: the values of MetadataInput.
const (
	// InputUint8NHWC is uint8 [batch, height, width, 3], 0..255, as images are
	// stored: rows from the top, pixels of red, green and blue. Models of grey images
	// have [batch, height, width, 1].
	InputUint8NHWC = "uint8-nhwc"
	// InputFloat32NCHW is float32 [batch, 3, height, width], 0..1: the same
	// divided by 255, a plane a colour, or [batch, 1, height, width].
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
	//	              rows from the top, pixels of red, green and blue; where the
	//	              input has 1 channel, of grey
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
	// MetadataPrecision is what the network computes in, float16 or int8. It is left out
	// of models in float32. Inputs and outputs are the same in all of them.
	MetadataPrecision = "precision"
	// MetadataLoss is what the network was trained on where that is no cross-entropy:
	// binary_cross_entropy or mean_squared_error. Probabilities then are those of each class
	// by itself, and need not add up to 1.
	MetadataLoss = "loss"
)

// What an inference model computes in: the values of MetadataPrecision.
const (
	PrecisionFloat32 = "float32"
	// PrecisionFloat16 is half the size. GPUs and processors with float16 are faster with
	// it, others convert to float32 when they load it.
	PrecisionFloat16 = "float16"
	// PrecisionInt8 is a quarter of the size, in ONNX's QDQ form: integers of 8 bits,
	// which stand for multiples of scales. Processors multiply more of them at a time
	// than of float32.
	PrecisionInt8 = "int8"
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
	// Loss is what the network was trained on, one of Losses, by default that of WithLoss:
	// the probabilities are the softmax of the logits, with LossBinaryCrossEntropy the
	// sigmoid of each and with LossMeanSquaredError themselves, cut to 0..1. The metadata
	// tell it where it is not the default.
	Loss string
	// Precision is PrecisionFloat32, the default, PrecisionFloat16 or PrecisionInt8. In
	// float16 are weights, images and what is between; BatchNorm operators that are kept
	// have their parameters in float32, and weights beyond 65504 are an error. In int8 no
	// BatchNorm is kept: see package lower, Quantize.
	Precision string
	// Ranges are between what the values of the model in float32 lie, for PrecisionInt8.
	Ranges Ranges
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
	if err := n.checkInference(&o); err != nil {
		return nil, fmt.Errorf("inference model: %w", err)
	}
	b := newBuilder("inference")
	b.constants = c
	half := o.Precision == PrecisionFloat16
	logits := n.forward(b, n.inferenceInput(b, o))
	if half {
		logits = b.Cast("logits.float", logits, graph.Float)
	}
	probabilities := b.probabilities(logits, o.Loss)
	b.Rename(logits, OutputLogits)
	b.Rename(probabilities, OutputProbabilities)
	b.Output(logits)
	b.Output(probabilities)
	if b.Err() == nil && !o.KeepBatchNorm {
		lower.FoldBatchNorm(b.Graph)
	}
	if b.Err() == nil && o.Precision == PrecisionInt8 {
		lower.Quantize(b.Graph, o.Ranges)
	}
	b.lower(o.Target, o.Block, n.given != nil)
	if b.Err() == nil && half {
		lower.Half(b.Graph, logits.Producer())
	}
	return b.Model(metadata(o)...)
}

// inferenceInput appends the input, and what the layers take of it.
func (n *Network) inferenceInput(b *Builder, o InferenceOptions) *graph.Value {
	image := n.input(b, o.Input)
	switch {
	case n.features > 0:
		return image
	case o.Precision == PrecisionInt8 && n.given == nil:
		return b.quantizedImage(image)
	case o.Precision == PrecisionFloat16 && image.Elem == graph.Float:
		image = b.Cast("image.half", image, graph.Float) // Half makes it one to float16
	}
	return n.prepare(b, image)
}

// quantizedImage is an image whose bytes stand for 0..1. They are quantized as they come.
func (b *Builder) quantizedImage(image *graph.Value) *graph.Value {
	scale, zero := b.Scalar("image.scale", perByte), b.Constant("image.zero_point", graph.Uint8, nil, []byte{0})
	if image.Elem == graph.Uint8 {
		image = b.Transpose("image.planar", image, 0, 3, 1, 2)
	} else {
		image = b.Quantize("image.quantize", image, scale, zero)
	}
	return b.Dequantize("image.dequantize", image, scale, zero, 1)
}

// checkInference tells which options are not possible, and fills in the defaults.
func (n *Network) checkInference(o *InferenceOptions) error {
	o.Loss = cmp.Or(o.Loss, n.Loss())
	o.Input, o.Precision = cmp.Or(o.Input, InputUint8NHWC), cmp.Or(o.Precision, PrecisionFloat32)
	switch {
	case o.Input != InputUint8NHWC && o.Input != InputFloat32NCHW:
		return fmt.Errorf("input %q is neither %q nor %q", o.Input, InputUint8NHWC, InputFloat32NCHW)
	case o.Precision != PrecisionFloat32 && o.Precision != PrecisionFloat16 && o.Precision != PrecisionInt8:
		return fmt.Errorf("precision %q is none of %s, %s and %s", o.Precision, PrecisionFloat32, PrecisionFloat16, PrecisionInt8)
	case o.Precision == PrecisionInt8 && o.KeepBatchNorm:
		return errors.New("BatchNorm is folded in int8, it cannot be kept")
	case n.features > 0 && o.Precision != PrecisionFloat32:
		return fmt.Errorf("features are float32, and precision is %s", o.Precision)
	case n.ownInput():
		return fmt.Errorf("the normalisation of the given model's input %q is not told", n.InputName())
	case len(o.Classes) > 0 && len(o.Classes) != n.classes:
		return fmt.Errorf("%d class names for %d classes", len(o.Classes), n.classes)
	}
	if err := errors.Join(checkTarget(o.Target), artifact.CheckLoss(o.Loss)); err != nil {
		return err
	}
	if n.features > 0 {
		o.Input = InputFeatures
	}
	if o.Target != TargetNative {
		o.Target = TargetPortable // one model for all of them
	} else if o.Precision != PrecisionFloat32 {
		return fmt.Errorf("target %q has no precision %s", o.Target, o.Precision)
	}
	return nil
}

func metadata(o InferenceOptions) []graph.Property {
	list := []graph.Property{{Key: MetadataInput, Value: o.Input}, {Key: MetadataResize, Value: ResizeFill}}
	if o.Precision != PrecisionFloat32 {
		list = append(list, graph.Property{Key: MetadataPrecision, Value: o.Precision})
	}
	if o.Loss != artifact.LossCrossEntropy {
		list = append(list, graph.Property{Key: MetadataLoss, Value: o.Loss})
	}
	if len(o.Classes) > 0 {
		names, _ := json.Marshal(o.Classes) // strings always have a JSON form
		list = append(list, graph.Property{Key: MetadataClasses, Value: string(names)})
	}
	return list
}
