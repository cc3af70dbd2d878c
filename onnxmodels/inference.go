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

// The inputs that an inference model can have: the values of MetadataInput.
const (
	// InputUint8NHWC is uint8 [batch, height, width, 3], 0..255, as images are
	// stored: rows from the top, pixels of red, green and blue. Models of grey images
	// have [batch, height, width, 1].
	InputUint8NHWC = "uint8-nhwc"
	// InputFloat32NCHW is float32 [batch, 3, height, width], 0..1: the same
	// divided by 255, one plane for each colour, or [batch, 1, height, width].
	InputFloat32NCHW = "float32-nchw"
)

// The keys of an inference model's metadata, which ONNX keeps as pairs of strings
// (metadata_props). A model that was trained on photographs of cats and dogs has
//
//	input    uint8-nhwc
//	resize   fill
//	classes  ["cat","dog"]
//
// Together with the size, which is in the type of the input, they tell a client all that it
// has to do to an image. [SignatureOf] reads them; in Python they are in
// session.get_modelmeta().custom_metadata_map.
const (
	// MetadataClasses is a JSON list of the names of the classes, in the order of the
	// columns of the outputs logits and probabilities. Models without names do not have
	// it.
	MetadataClasses = "classes"
	// MetadataInput says what the input, image, takes. Nothing else must be done to
	// pixels: no mean is subtracted and no channels are exchanged.
	//
	//	uint8-nhwc    [batch, height, width, 3] of 0..255, as images are stored:
	//	              rows from the top, pixels of red, green and blue; if the
	//	              input has 1 channel, grey pixels
	//	float32-nchw  [batch, 3, height, width] of 0..1: the same divided by 255, one
	//	              plane for each colour
	MetadataInput = "input"
	// MetadataResize says how an upright image of another size is brought to the size of
	// the input. For models without it, fill is assumed.
	//
	//	fill   cut the largest part of the input's proportions out of the middle, and
	//	       resize it with the Catmull-Rom spline (Pillow: ImageOps.fit with BICUBIC)
	//	exact  images must have the input's size already
	MetadataResize = "resize"
	// MetadataPrecision is the precision in which the network computes, float16 or int8.
	// Models in float32 do not have it. Inputs and outputs are the same in all precisions.
	MetadataPrecision = "precision"
	// MetadataLoss is the loss that the network was trained on, unless that is the
	// cross-entropy: binary_cross_entropy or mean_squared_error. The classes then have
	// separate probabilities, which need not add up to 1.
	MetadataLoss = "loss"
)

// The precisions in which an inference model can compute: the values of MetadataPrecision.
const (
	PrecisionFloat32 = "float32"
	// PrecisionFloat16 makes a model of half the size. It is faster on GPUs and processors
	// that have float16; others convert it to float32 when they load it.
	PrecisionFloat16 = "float16"
	// PrecisionInt8 makes a model of about a quarter of the size, in ONNX's QDQ format: the
	// weights of convolutions and dense layers, and the values that these take, are 8-bit
	// integers times a scale. Processors multiply more of these at a time than float32.
	PrecisionInt8 = "int8"
)

// The ways to bring an image to the size of a model's input: the values of MetadataResize.
const (
	// ResizeFill cuts the largest part with the model's proportions out of the
	// middle of an image and resizes it with the Catmull-Rom spline, as is done
	// with images of folders for training (onnxlab/dataset/photo).
	ResizeFill = "fill"
	// ResizeExact accepts only images of the model's size.
	ResizeExact = "exact"
)

// InferenceOptions describe the inference model to build.
type InferenceOptions struct {
	// Input is InputUint8NHWC, the default, or InputFloat32NCHW.
	Input string
	// KeepBatchNorm leaves the BatchNorm operators in the model. By default they are
	// folded into the convolutions before them.
	KeepBatchNorm bool
	// Classes are the names of the classes, kept in the model's metadata.
	Classes []string
	// Loss is the loss that the network was trained on, one of Losses; by default, the
	// network's own ([Network.Loss]). It decides what the probabilities are: the softmax of
	// the logits; with LossBinaryCrossEntropy the sigmoid of each logit; with
	// LossMeanSquaredError the logits themselves, clipped to 0..1. The metadata name it
	// unless it is the cross-entropy.
	Loss string
	// Precision is PrecisionFloat32 (the default), PrecisionFloat16 or PrecisionInt8. In
	// float16, weights, images and intermediate values are float16; BatchNorm operators
	// that are kept have their parameters in float32, and weights beyond 65504 are an
	// error. In int8, BatchNorm cannot be kept: see lower.Quantize.
	Precision string
	// Ranges are the ranges of the values of the model in float32, for PrecisionInt8.
	Ranges Ranges
	// Target is the target of the model. TargetNative gives a model with onnxlab's own
	// operators; all other targets, of which TargetPortable is the default, give the same
	// model.
	Target string
	// Block is as in TrainingOptions.
	Block int
}

// Inference returns the network with the checkpoint's parameters as an ONNX model with
// one input, image, and two outputs, logits and probabilities, both [batch, classes].
// It returns an error if the checkpoint belongs to another network, if the input or the
// target is unknown, or if the number of class names is wrong. The upper part of a [Cut]
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
	b.classify(logits, o.Loss)
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

// classify makes the outputs logits and probabilities of a network that was trained on the loss.
func (b *Builder) classify(logits *graph.Value, loss string) {
	probabilities := b.probabilities(logits, loss)
	b.Rename(logits, OutputLogits)
	b.Rename(probabilities, OutputProbabilities)
	b.Output(logits)
	b.Output(probabilities)
}

// inferenceInput declares the input and appends its conversion to what the layers take.
func (n *Network) inferenceInput(b *Builder, o InferenceOptions) *graph.Value {
	image := n.input(b, o.Input)
	switch {
	case n.features > 0:
		return image
	case o.Precision == PrecisionInt8 && n.given == nil:
		return b.quantizedImage(image)
	case o.Precision == PrecisionFloat16 && image.Elem == graph.Float:
		image = b.Cast("image.half", image, graph.Float) // lower.Half turns it into a cast to float16
	}
	return n.prepare(b, image)
}

// quantizedImage converts the input to numbers of 0..1 by dequantizing its bytes, which already are
// quantized numbers.
func (b *Builder) quantizedImage(image *graph.Value) *graph.Value {
	scale, zero := b.Scalar("image.scale", perByte), b.Constant("image.zero_point", graph.Uint8, nil, []byte{0})
	if image.Elem == graph.Uint8 {
		image = b.Transpose("image.planar", image, 0, 3, 1, 2)
	} else {
		image = b.Quantize("image.quantize", image, scale, zero)
	}
	return b.Dequantize("image.dequantize", image, scale, zero, 1)
}

// checkInference checks the options and fills in their defaults.
func (n *Network) checkInference(o *InferenceOptions) error {
	o.Loss = cmp.Or(o.Loss, n.Loss())
	o.Input, o.Precision = cmp.Or(o.Input, InputUint8NHWC), cmp.Or(o.Precision, PrecisionFloat32)
	switch {
	case o.Input != InputUint8NHWC && o.Input != InputFloat32NCHW:
		return fmt.Errorf("input %q is neither %q nor %q", o.Input, InputUint8NHWC, InputFloat32NCHW)
	case o.Precision != PrecisionFloat32 && o.Precision != PrecisionFloat16 && o.Precision != PrecisionInt8:
		return fmt.Errorf("precision %q is none of %s, %s and %s", o.Precision, PrecisionFloat32, PrecisionFloat16, PrecisionInt8)
	case o.Precision == PrecisionInt8 && o.KeepBatchNorm:
		return errors.New("int8 models fold BatchNorm into convolutions, so it cannot be kept")
	case n.features > 0 && o.Precision != PrecisionFloat32:
		return fmt.Errorf("features are float32, but the precision is %s", o.Precision)
	case n.ownInput():
		return fmt.Errorf("the normalisation of the given model's input %q is not known", n.InputName())
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
		o.Target = TargetPortable // the same model serves all other targets
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
