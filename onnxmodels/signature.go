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
	// Precision is the precision in which the model computes: PrecisionFloat32 if the
	// metadata say nothing.
	Precision string
	// Loss is what it was trained on: LossCrossEntropy if the metadata say nothing.
	Loss string
	// Resize says what happens to an image of another size: ResizeFill resizes it,
	// ResizeExact refuses it.
	Resize string
}

// SignatureOf reads the signature of an inference model from its graph and its metadata.
// It returns an error for models without the input image or the output
// probabilities [batch, classes].
func SignatureOf(m *modelfile.Model) (Signature, error) {
	f, err := inputSignature(m.GetGraph())
	if err != nil {
		return f, err
	}
	classes := 0
	for _, v := range m.GetGraph().GetOutput() {
		if d := modelfile.Sizes(v); v.GetName() == OutputProbabilities && len(d) == 2 {
			classes = d[1]
		}
	}
	if classes < 1 || classes > maxClasses {
		return f, fmt.Errorf("it has no output %q of [batch, classes], so it is no inference model (pipeline export model writes one)", OutputProbabilities)
	}
	f.Resize, f.Precision, f.Loss = ResizeFill, PrecisionFloat32, artifact.LossCrossEntropy
	for _, p := range m.GetMetadataProps() {
		switch p.GetKey() {
		case MetadataClasses:
			if err := json.Unmarshal([]byte(p.GetValue()), &f.Classes); err != nil || len(f.Classes) != classes {
				return f, fmt.Errorf("metadata %q is no list of the names of %d classes: %.80q", MetadataClasses, classes, p.GetValue())
			}
		case MetadataPrecision:
			f.Precision = p.GetValue()
		case MetadataLoss:
			if f.Loss = p.GetValue(); artifact.CheckLoss(f.Loss) != nil {
				return f, fmt.Errorf("metadata %q: %.80q is none of %s", MetadataLoss, f.Loss, strings.Join(artifact.Losses(), ", "))
			}
		case MetadataResize:
			if f.Resize = p.GetValue(); f.Resize != ResizeFill && f.Resize != ResizeExact {
				return f, fmt.Errorf("metadata %q: %.80q is neither %q nor %q", MetadataResize, f.Resize, ResizeFill, ResizeExact)
			}
		}
	}
	f.Unnamed = len(f.Classes) == 0
	for i := len(f.Classes); i < classes; i++ {
		f.Classes = append(f.Classes, fmt.Sprint(i))
	}
	return f, nil
}

// The largest height or width, number of pixels, and number of classes that a signature may have. A
// model with more is damaged.
const (
	maxSide    = importer.MaxSide
	maxArea    = 1 << 24 // such an image takes 200 MB as float32
	maxClasses = 1 << 20
)

func inputSignature(g *onnxpb.Graph) (Signature, error) {
	for _, v := range g.GetInput() {
		d := modelfile.Sizes(v)
		if v.GetName() != InputImage || len(d) != 4 {
			continue
		}
		f := Signature{Input: InputUint8NHWC, Height: d[1], Width: d[2], Channels: d[3]}
		if graph.Elem(v.GetType().GetTensorType().GetElemType()) == graph.Float {
			f = Signature{Input: InputFloat32NCHW, Height: d[2], Width: d[3], Channels: d[1]}
		}
		if (f.Channels == colourChannels || f.Channels == greyChannels) && f.Height >= 1 && f.Height <= maxSide && f.Width >= 1 && f.Width <= maxSide && f.Height*f.Width <= maxArea {
			return f, nil
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
