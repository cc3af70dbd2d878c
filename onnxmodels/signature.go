package onnxmodels

import (
	"encoding/json"
	"fmt"
	"strings"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// Signature describes how an inference model takes images and what its outputs mean.
type Signature struct {
	// Input is InputUint8NHWC or InputFloat32NCHW.
	Input string
	// Height and Width are the size of the images, in pixels. Channels is 3, or 1 if the
	// images are grey.
	Height, Width, Channels int
	// Classes are the names of the classes. If the metadata have none, they are numbers
	// and Unnamed is true.
	Classes []string
	Unnamed bool
	// Precision is the precision in which the model computes, for example PrecisionFloat32,
	// which it is if the metadata say nothing.
	Precision string
	// Loss is the loss that the model was trained with: LossCrossEntropy if the metadata say
	// nothing.
	Loss string
	// Resize says what happens to an image of another size: ResizeFill resizes it,
	// ResizeExact refuses it.
	Resize string
}

// SignatureOf reads the signature of an inference model from its graph and its metadata.
// It returns an error for models without the input image or the output
// probabilities [batch, classes].
func SignatureOf(m *modelfile.Model) (Signature, error) {
	s, err := inputSignature(m.GetGraph())
	if err != nil {
		return s, err
	}
	classes := 0
	for _, v := range m.GetGraph().GetOutput() {
		if d := modelfile.Sizes(v); v.GetName() == OutputProbabilities && len(d) == 2 {
			classes = d[1]
		}
	}
	if classes < 1 || classes > maxClasses {
		return s, fmt.Errorf("it has no output %q of [batch, classes], so it is not an inference model ('pipeline export model' writes one)", OutputProbabilities)
	}
	s.Resize, s.Precision, s.Loss = ResizeFill, PrecisionFloat32, artifact.LossCrossEntropy
	for _, p := range m.GetMetadataProps() {
		switch p.GetKey() {
		case MetadataClasses:
			if err := json.Unmarshal([]byte(p.GetValue()), &s.Classes); err != nil || len(s.Classes) != classes {
				return s, fmt.Errorf("metadata %q is not a list of the names of %d classes: %.80q", MetadataClasses, classes, p.GetValue())
			}
		case MetadataPrecision:
			s.Precision = p.GetValue()
		case MetadataLoss:
			if s.Loss = p.GetValue(); artifact.CheckLoss(s.Loss) != nil {
				return s, fmt.Errorf("metadata %q: %.80q is none of %s", MetadataLoss, s.Loss, strings.Join(artifact.Losses(), ", "))
			}
		case MetadataResize:
			if s.Resize = p.GetValue(); s.Resize != ResizeFill && s.Resize != ResizeExact {
				return s, fmt.Errorf("metadata %q: %.80q is neither %q nor %q", MetadataResize, s.Resize, ResizeFill, ResizeExact)
			}
		}
	}
	s.Unnamed = len(s.Classes) == 0
	for i := len(s.Classes); i < classes; i++ {
		s.Classes = append(s.Classes, fmt.Sprint(i))
	}
	return s, nil
}

// The largest height or width, number of pixels, and number of classes that a signature may have. A
// model with more is damaged.
const (
	maxSide    = importer.MaxSide
	maxArea    = 1 << 24 // such an image takes 200 MB as float32
	maxClasses = 1 << 20
)

// inputSignature reads the description of the input of images: its name, layout, size and
// channels.
func inputSignature(g *onnxpb.Graph) (Signature, error) {
	for _, v := range g.GetInput() {
		d := modelfile.Sizes(v)
		if v.GetName() != InputImage || len(d) != 4 {
			continue
		}
		s := Signature{Input: InputUint8NHWC, Height: d[1], Width: d[2], Channels: d[3]}
		if graph.Elem(v.GetType().GetTensorType().GetElemType()) == graph.Float {
			s = Signature{Input: InputFloat32NCHW, Height: d[2], Width: d[3], Channels: d[1]}
		}
		if (s.Channels == colourChannels || s.Channels == greyChannels) && s.Height >= 1 && s.Height <= maxSide && s.Width >= 1 && s.Width <= maxSide && s.Height*s.Width <= maxArea {
			return s, nil
		}
	}
	return Signature{}, fmt.Errorf("it has no input %q of uint8 [batch, height, width, channels] or float32 [batch, channels, height, width], with 3 channels or 1", InputImage)
}

// Planes converts images [n, height, width, channels] in 0..255 to what InputFloat32NCHW takes:
// [n, channels, height, width] in 0..1.
func Planes(images []uint8, height, width, channels int) []float32 {
	area := height * width
	planes := make([]float32, len(images))
	for i, v := range images {
		image, pixel, channel := i/(channels*area), i%(channels*area)/channels, i%channels
		planes[(channels*image+channel)*area+pixel] = float32(v) / 255
	}
	return planes
}
