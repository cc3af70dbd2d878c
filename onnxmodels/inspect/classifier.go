package inspect

import (
	"cmp"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// ImageSize is a height and a width in pixels.
type ImageSize struct {
	Height int `json:"height"`
	Width  int `json:"width"`
}

// usualSide is the height and width of images for models that leave them open.
const usualSide = 224

// Classifier describes a classifier of images as Model does, and says whether it can be trained.
// If the model leaves the height or the width of images open, shapes and costs are those for
// images of the given size; a side of 0 means 224 pixels. Classifier declares this size, and types
// that the model does not declare, in m, which [onnxmodels.Trains] changes, too.
func Classifier(m *modelfile.Model, size ImageSize) (*ModelReport, error) {
	height, width, err := importer.ImageSize(m)
	if err != nil {
		return nil, err
	}
	open := height == 0 || width == 0
	image, err := importer.ImageInput(m)
	if err != nil {
		return nil, err
	}
	declared := value(image)
	if open {
		size = ImageSize{cmp.Or(height, size.Height, usualSide), cmp.Or(width, size.Width, usualSide)}
		if err := importer.SetImageSize(m, size.Height, size.Width); err != nil {
			return nil, err
		}
		m.Graph.ValueInfo = nil // it is for images of any size
	}
	importer.InferTypes(m)
	r := Model(m)
	if open {
		r.Inputs, r.AssumedSize = []ValueReport{declared}, &size
	}
	training := onnxmodels.Trains(m)
	r.Training = &training
	return r, nil
}
