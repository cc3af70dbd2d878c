package interp

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// Model is an inference model of images, ready to run.
type Model struct {
	signature
	*Program
}

// New returns the model in the given bytes, the content of a file such as model.onnx.
func New(data []byte) (*Model, error) {
	proto, err := modelfile.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode model: %w", err)
	}
	s, err := signatureOf(proto)
	if err != nil {
		return nil, fmt.Errorf("decode model: %w", err)
	}
	widen(proto)
	p, err := Compile(proto)
	if err != nil {
		return nil, fmt.Errorf("decode model: %w", err)
	}
	return &Model{s, p}, nil
}

// Classes returns the number of classes.
func (m *Model) Classes() int { return m.classes }

// Size returns the height and width of the images, in pixels.
func (m *Model) Size() (height, width int) { return m.height, m.width }

// Channels returns how many channels the images have: 3, or 1 if they are grey.
func (m *Model) Channels() int { return m.channels }

// Input returns the model's input for images [n, height, width, channels] of 0..255:
// the images themselves, or float32 [n, channels, height, width] in 0..1, depending on
// the model.
func (m *Model) Input(images []uint8) (*Value, error) {
	n, err := m.count(images)
	if err != nil {
		return nil, err
	}
	t := &op.Tensor{Elem: graph.Float, Shape: []int{n, m.channels, m.height, m.width}}
	if m.bytes {
		t.Elem, t.Shape = graph.Uint8, []int{n, m.height, m.width, m.channels}
		t.Ints = make([]int64, len(images))
		for i, v := range images {
			t.Ints[i] = int64(v)
		}
	} else {
		t.Floats = onnxmodels.Planes(images, m.height, m.width, m.channels)
	}
	return &Value{onnxmodels.InputImage, t}, nil
}

// count returns how many images there are.
func (m *Model) count(images []uint8) (int, error) {
	size := m.height * m.width * m.channels
	if len(images) == 0 || len(images)%size != 0 {
		return 0, fmt.Errorf("%d bytes are not images of %dx%dx%d", len(images), m.height, m.width, m.channels)
	}
	return len(images) / size, nil
}

// Batches cuts images [n, height, width, channels] into batches that take a large
// network about a second each. Predict can be interrupted between batches, and the
// intermediate values of larger batches would take gigabytes.
func (m *Model) Batches(images []uint8) iter.Seq[[]uint8] {
	batch := max(16, runtime.GOMAXPROCS(0)) // at least one image for each processor
	return slices.Chunk(images, batch*m.height*m.width*m.channels)
}

// Predict runs the model on images [n, height, width, channels] of 0..255, in batches,
// and returns the logits and the probabilities, both [n, classes]. It stops when
// ctx is done and returns the error of ctx.
func (m *Model) Predict(ctx context.Context, images []uint8) (logits, probabilities []float32, err error) {
	if _, err := m.count(images); err != nil {
		return nil, nil, fmt.Errorf("run model: %w", err)
	}
	for batch := range m.Batches(images) {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		l, p, err := m.predict(batch)
		if err != nil {
			return nil, nil, err
		}
		logits, probabilities = append(logits, l...), append(probabilities, p...)
	}
	return logits, probabilities, nil
}

// predict runs one batch.
func (m *Model) predict(images []uint8) (logits, probabilities []float32, err error) {
	input, err := m.Input(images)
	if err != nil {
		return nil, nil, fmt.Errorf("run model: %w", err)
	}
	values, err := m.run(map[string]*op.Tensor{input.Name: input.Tensor}, false)
	if err != nil {
		return nil, nil, fmt.Errorf("run model: %w", err)
	}
	var out [2][]float32
	for i, name := range []string{onnxmodels.OutputLogits, onnxmodels.OutputProbabilities} {
		v := values[m.ids[name]]
		if n := input.Shape[0]; v.Elem != graph.Float || !slices.Equal(v.Shape, []int{n, m.classes}) {
			return nil, nil, fmt.Errorf("run model: output %q is %s, want float32[%d %d]", name, v, n, m.classes)
		}
		out[i] = v.Floats
	}
	return out[0], out[1], nil
}

// Values runs the model on the same images as Predict, and returns the outputs of
// all nodes, in the order of the graph.
func (m *Model) Values(images []uint8) ([]*Value, error) {
	input, err := m.Input(images)
	if err != nil {
		return nil, fmt.Errorf("run model: %w", err)
	}
	return m.Program.Values(map[string]*op.Tensor{input.Name: input.Tensor})
}
