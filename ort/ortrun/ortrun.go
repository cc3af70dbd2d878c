// Package ortrun runs ONNX models in tests.
package ortrun

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	ort "github.com/yalue/onnxruntime_go"
	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/ort/kernels"
	"onnxlab/ort/library"
	"onnxlab/ort/library/librarytest"
)

// Input is one input of a model: a Float32, an Int64, a Uint8 or a Bool.
type Input struct {
	Name  string
	Shape []int
	// One of these holds the elements.
	Float32 []float32
	Int64   []int64
	Uint8   []uint8
	Bool    []bool
}

// Session is a loaded model.
type Session struct {
	session *ort.DynamicAdvancedSession
	outputs int
}

// Load loads the model in ONNX Runtime, with onnxlab's own operators, until the
// test ends.
func Load(t testing.TB, m *onnxpb.Model) *Session {
	t.Helper()
	s, err := load(t, m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Try runs the model and returns the error of loading or running it.
func Try(t testing.TB, m *onnxpb.Model, inputs ...Input) error {
	t.Helper()
	s, err := load(t, m)
	if err != nil {
		return err
	}
	values := s.values(t, inputs)
	defer destroy(values)
	outputs := make([]ort.Value, s.outputs)
	err = s.session.Run(values, outputs)
	destroy(outputs)
	return err
}

func destroy(values []ort.Value) {
	for _, v := range values {
		if v != nil {
			_ = v.Destroy() // only frees memory
		}
	}
}

func (s *Session) values(t testing.TB, inputs []Input) []ort.Value {
	t.Helper()
	values := make([]ort.Value, len(inputs))
	for i, in := range inputs {
		values[i] = in.value(t)
	}
	return values
}

func load(t testing.TB, m *onnxpb.Model) (*Session, error) {
	t.Helper()
	librarytest.Open(t)
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var inputs, outputs []string
	for _, v := range m.GetGraph().GetInput() {
		inputs = append(inputs, v.GetName())
	}
	for _, v := range m.GetGraph().GetOutput() {
		outputs = append(outputs, v.GetName())
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		t.Fatal(err)
	}
	defer options.Destroy() // only frees memory
	if err := kernels.Add(library.Path(), options); err != nil {
		t.Fatal(err)
	}
	var s *ort.DynamicAdvancedSession
	err = kernels.Making(func() (err error) {
		s, err = ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, outputs, options)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	t.Cleanup(func() {
		if err := s.Destroy(); err != nil {
			t.Error(err)
		}
	})
	return &Session{s, len(outputs)}, nil
}

// Run runs the model on inputs in the order of the graph and returns its
// outputs, which must be of float32.
func (s *Session) Run(t testing.TB, inputs ...Input) [][]float32 {
	t.Helper()
	values := s.values(t, inputs)
	defer destroy(values)
	outputs := make([]ort.Value, s.outputs)
	if err := s.session.Run(values, outputs); err != nil {
		t.Fatalf("run model: %v", err)
	}
	results := make([][]float32, len(outputs))
	for i, o := range outputs {
		tensor, ok := o.(*ort.Tensor[float32])
		if !ok {
			t.Fatalf("output %d is not a float32 tensor: %T", i, o)
		}
		results[i] = append([]float32(nil), tensor.GetData()...)
		if err := o.Destroy(); err != nil {
			t.Fatal(err)
		}
	}
	return results
}

func (in Input) value(t testing.TB) ort.Value {
	t.Helper()
	shape := make(ort.Shape, len(in.Shape))
	for i, n := range in.Shape {
		shape[i] = int64(n)
	}
	var v ort.Value
	var err error
	switch {
	case in.Float32 != nil:
		v, err = ort.NewTensor(shape, in.Float32)
	case in.Int64 != nil:
		v, err = ort.NewTensor(shape, in.Int64)
	case in.Uint8 != nil:
		v, err = ort.NewTensor(shape, in.Uint8)
	default:
		data := make([]byte, len(in.Bool))
		for i, b := range in.Bool {
			if b {
				data[i] = 1
			}
		}
		v, err = ort.NewCustomDataTensor(shape, data, ort.TensorElementDataTypeBool)
	}
	if err != nil {
		t.Fatalf("input %q: %v", in.Name, err)
	}
	return v
}

// Raw is a tensor of any type: its elements are little-endian.
type Raw struct {
	Elem  graph.Elem
	Shape []int
	Data  []byte
}

// ErrForm is the error for what the binding cannot pass on: a model without inputs, or a
// tensor without elements or without dimensions.
var ErrForm = errors.New("there are no inputs, or a tensor has no elements or no dimensions")

// RunRaw runs the model on inputs in the order of the graph. It writes the results into the
// data of outputs, which must have the types and shapes of the model's outputs.
func RunRaw(t testing.TB, m *onnxpb.Model, inputs, outputs []Raw) error {
	t.Helper()
	librarytest.Open(t)
	if len(inputs) == 0 {
		return ErrForm
	}
	values := make([]ort.Value, 0, len(inputs)+len(outputs))
	defer func() { destroy(values) }()
	for _, r := range append(slices.Clone(inputs), outputs...) {
		if len(r.Data) == 0 || len(r.Shape) == 0 {
			return ErrForm
		}
		shape := make(ort.Shape, len(r.Shape))
		for i, n := range r.Shape {
			shape[i] = int64(n)
		}
		v, err := ort.NewCustomDataTensor(shape, r.Data, ort.TensorElementDataType(r.Elem))
		if err != nil {
			return err
		}
		values = append(values, v)
	}
	s, err := load(t, m)
	if err != nil {
		return err
	}
	return s.session.Run(values[:len(inputs)], values[len(inputs):])
}
