//go:build cgo

package session

import (
	"context"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"onnxlab/onnxmodels"
)

// Extractor runs the lower part of a cut network (onnxmodels.Cut.Lower). It is safe for
// concurrent use.
type Extractor struct {
	session                 *inference
	height, width, features int
}

// NewExtractor returns the lower part of the given bytes, which takes images of height x width
// pixels and gives so many features for each.
func NewExtractor(data []byte, height, width, features int, o Options) (*Extractor, error) {
	s, err := newInference(data, []string{onnxmodels.InputImage}, []string{onnxmodels.InputFeatures}, o)
	if err != nil {
		return nil, fmt.Errorf("start the lower layers: %w", err)
	}
	return &Extractor{session: s, height: height, width: width, features: features}, nil
}

// Features writes the features of images [n, height, width, 3] of 0..255 to a slice [n,
// features]. ONNX Runtime is not interrupted meanwhile.
func (e *Extractor) Features(_ context.Context, images []uint8, to []float32) error {
	h, w, f := int64(e.height), int64(e.width), int64(e.features)
	n := int64(len(images)) / (h * w * 3)
	if n == 0 || n*h*w*3 != int64(len(images)) || n*f != int64(len(to)) {
		return fmt.Errorf("run the lower layers: %d bytes of images of %dx%dx3 and room for %d numbers, %d for each image",
			len(images), h, w, len(to), f)
	}
	if err := runOne(e.session, images, ort.NewShape(n, h, w, 3), to, ort.NewShape(n, f)); err != nil {
		return fmt.Errorf("run the lower layers: %w", err)
	}
	return nil
}

// Close frees the session, after the calls under way. It may be called again.
func (e *Extractor) Close() error { return e.session.close() }

// Head runs the upper part of a cut network as an inference model (onnxmodels.Cut.Upper). It
// is safe for concurrent use.
type Head struct {
	session           *inference
	features, classes int
}

// NewHead returns the upper part of the given bytes, which takes so many features for each
// image and gives so many logits.
func NewHead(data []byte, features, classes int, o Options) (*Head, error) {
	s, err := newInference(data, []string{onnxmodels.InputFeatures}, []string{onnxmodels.OutputLogits}, o)
	if err != nil {
		return nil, fmt.Errorf("start the upper layers: %w", err)
	}
	return &Head{session: s, features: features, classes: classes}, nil
}

// Logits returns the logits [n, classes] of features [n, features]. ONNX Runtime is not
// interrupted meanwhile.
func (h *Head) Logits(_ context.Context, features []float32) ([]float32, error) {
	n := len(features) / h.features
	if n == 0 || n*h.features != len(features) {
		return nil, fmt.Errorf("run the upper layers: %d numbers are not %d for each image", len(features), h.features)
	}
	logits := make([]float32, n*h.classes)
	in, out := ort.NewShape(int64(n), int64(h.features)), ort.NewShape(int64(n), int64(h.classes))
	if err := runOne(h.session, features, in, logits, out); err != nil {
		return nil, fmt.Errorf("run the upper layers: %w", err)
	}
	return logits, nil
}

// Close frees the session, after the calls under way. It may be called again.
func (h *Head) Close() error { return h.session.close() }

// runOne runs a model of one input and one output.
func runOne[T ort.TensorData](s *inference, from []T, in ort.Shape, to []float32, out ort.Shape) error {
	input, err := ort.NewTensor(in, from)
	if err != nil {
		return err
	}
	defer input.Destroy() // only frees memory
	output, err := ort.NewTensor(out, to)
	if err != nil {
		return err
	}
	defer output.Destroy() // only frees memory
	return s.run([]ort.Value{input}, []ort.Value{output})
}
