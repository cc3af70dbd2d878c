package interp

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// Model is an inference model, ready to run.
type Model struct {
	form
	names     []string
	constants []*op.Tensor // by the number of the value; nil for others
	steps     []step
	image     int // the numbers of the input and of the outputs
	outputs   [2]int
}

// New returns the model of the given bytes, as onnxmodels.Marshal makes them and
// model.onnx holds them.
func New(data []byte) (*Model, error) {
	proto, err := onnxmodels.DecodeModel(data)
	if err != nil {
		return nil, fmt.Errorf("decode model: %w", err)
	}
	f, err := formOf(proto)
	if err != nil {
		return nil, fmt.Errorf("decode model: %w", err)
	}
	widen(proto)
	b, err := decode(proto)
	if err != nil {
		return nil, fmt.Errorf("decode model with onnx-go: %w", err)
	}
	m := &Model{form: f, steps: b.steps}
	if err := m.link(b.values); err != nil {
		return nil, fmt.Errorf("decode model: %w", err)
	}
	return m, nil
}

// link finds the constants, the input and the outputs among the values, and
// where each value is needed last.
func (m *Model) link(values []*node) error {
	byName := map[string]int{}
	known := make([]bool, len(values))
	for i, v := range values {
		c, err := v.constant()
		if err != nil {
			return err
		}
		m.names, m.constants = append(m.names, v.name), append(m.constants, c)
		byName[v.name], known[i] = i, c != nil
	}
	m.image = byName[onnxmodels.InputImage] // formOf has seen it
	known[m.image] = true
	for i := range m.steps {
		s := &m.steps[i]
		for place, id := range s.inputs {
			if id != absent && !known[id] {
				return s.failed(fmt.Errorf("input %d, %q, is not computed in pure Go", place, m.names[id]))
			}
		}
		for _, id := range s.outputs {
			if id != absent {
				known[id] = true
			}
		}
	}
	for i, name := range []string{onnxmodels.OutputLogits, onnxmodels.OutputProbabilities} {
		id, ok := byName[name]
		if !ok || !known[id] {
			return fmt.Errorf("output %q is computed by no node", name)
		}
		m.outputs[i] = id
	}
	m.findLast(len(values))
	return nil
}

// findLast tells each step which values no later one needs.
func (m *Model) findLast(values int) {
	needed := make([]bool, values)
	for _, id := range m.outputs {
		needed[id] = true
	}
	for i := len(m.steps) - 1; i >= 0; i-- {
		s := &m.steps[i]
		for _, id := range s.inputs {
			if id != absent && !needed[id] && m.constants[id] == nil {
				s.last = append(s.last, id)
				needed[id] = true
			}
		}
	}
}

// Classes returns the number of classes.
func (m *Model) Classes() int { return m.classes }

// Size returns the height and width of the images, in pixels.
func (m *Model) Size() (height, width int) { return m.height, m.width }

// Input returns what the model is fed for images [n, height, width, 3] of
// 0..255: these themselves, or as float32 [n, 3, height, width] in 0..1 for a
// model whose input that is.
func (m *Model) Input(images []uint8) (*Value, error) {
	n, err := m.count(images)
	if err != nil {
		return nil, err
	}
	t := &op.Tensor{Elem: graph.Float, Shape: []int{n, 3, m.height, m.width}}
	if m.bytes {
		t.Elem, t.Shape = graph.Uint8, []int{n, m.height, m.width, 3}
		t.Ints = make([]int64, len(images))
		for i, v := range images {
			t.Ints[i] = int64(v)
		}
	} else {
		t.Floats = onnxmodels.Planes(images, m.height, m.width)
	}
	return &Value{onnxmodels.InputImage, t}, nil
}

// count returns how many images there are.
func (m *Model) count(images []uint8) (int, error) {
	size := m.height * m.width * 3
	if len(images) == 0 || len(images)%size != 0 {
		return 0, fmt.Errorf("%d bytes are not images of %dx%dx3", len(images), m.height, m.width)
	}
	return len(images) / size, nil
}

// Batches are images [n, height, width, 3] in pieces that take about a second of
// a large network: Predict is interrupted between them, and the values in between
// of more take gigabytes.
func (m *Model) Batches(images []uint8) iter.Seq[[]uint8] {
	batch := max(16, runtime.GOMAXPROCS(0)) // there is a processor for each image
	return slices.Chunk(images, batch*m.height*m.width*3)
}

// Predict runs the model on images [n, height, width, 3] of 0..255, in batches,
// and returns the logits and the probabilities, both [n, classes]. It ends with
// ctx, whose error it then returns.
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

// predict is Predict of one batch.
func (m *Model) predict(images []uint8) (logits, probabilities []float32, err error) {
	values, err := m.run(images, false)
	if err != nil {
		return nil, nil, err
	}
	var out [2][]float32
	for i, id := range m.outputs {
		v := values[id]
		if n := values[m.image].Shape[0]; v.Elem != graph.Float || !slices.Equal(v.Shape, []int{n, m.classes}) {
			return nil, nil, fmt.Errorf("run model: output %q is %s, want float32[%d %d]", m.names[id], v, n, m.classes)
		}
		out[i] = v.Floats
	}
	return out[0], out[1], nil
}

// Values runs the model as Predict does and returns what each node gives, in
// the order of the graph.
func (m *Model) Values(images []uint8) ([]*Value, error) {
	values, err := m.run(images, true)
	if err != nil {
		return nil, err
	}
	var list []*Value
	for _, s := range m.steps {
		for _, id := range s.outputs {
			if id != absent {
				list = append(list, &Value{m.names[id], values[id]})
			}
		}
	}
	return list, nil
}

// run computes the values; those that are no longer needed it drops, unless
// keep is true.
func (m *Model) run(images []uint8, keep bool) (values []*op.Tensor, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("run model: %w", err)
		}
	}()
	defer op.Recovered(&err)
	values = append(values, m.constants...)
	input, err := m.Input(images)
	if err != nil {
		return nil, err
	}
	values[m.image] = input.Tensor
	for i := range m.steps {
		s := &m.steps[i]
		if err := s.do(values); err != nil {
			return nil, err
		}
		if keep {
			continue
		}
		for _, id := range s.last {
			if id != m.image {
				values[id] = nil
			}
		}
	}
	return values, nil
}
