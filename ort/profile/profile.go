//go:build cgo

package profile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	ort "github.com/yalue/onnxruntime_go"
	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/session"
)

// Run runs the model once to warm up and then o.Runs times, and returns where the time of
// these runs went. All outputs must be float32 scalars.
func Run(ctx context.Context, m *onnxpb.Model, feeds Feeds, outputs []string, o Options) (_ Trace, err error) {
	dir, err := os.MkdirTemp("", "onnxlab-profile-")
	if err != nil {
		return Trace{}, fmt.Errorf("profile: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := run(ctx, m, feeds, outputs, o, dir); err != nil {
		return Trace{}, fmt.Errorf("profile: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "onnxruntime_profile_*.json"))
	if err != nil || len(files) != 1 {
		return Trace{}, fmt.Errorf("profile: ONNX Runtime wrote %d traces, want 1: it ignored the model's ort_config", len(files))
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		return Trace{}, fmt.Errorf("profile: %w", err)
	}
	return parse(data, 1)
}

// run runs the model and leaves ONNX Runtime's trace in dir.
func run(ctx context.Context, m *onnxpb.Model, feeds Feeds, outputs []string, o Options, dir string) (err error) {
	values, names, err := feeds.values(m)
	defer func() {
		for _, v := range values {
			err = errors.Join(err, v.Destroy())
		}
	}()
	if err != nil {
		return err
	}
	// The binding cannot allocate outputs that are scalars.
	var results []ort.Value
	for range outputs {
		r, err := ort.NewEmptyScalar[float32]()
		if err != nil {
			return err
		}
		values, results = append(values, r), append(results, r)
	}
	inputs := values[:len(names)]
	// On a GPU, a run on another thread would first allocate a stream, handles and
	// memory, and the trace would include the time for that.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s, err := newSession(m, names, outputs, o.Session, dir)
	if err != nil {
		return err
	}
	// The trace is complete when the session is destroyed.
	defer func() { err = errors.Join(err, s.Destroy()) }()
	for range o.Runs + 1 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.Run(inputs, results); err != nil {
			return err
		}
	}
	return nil
}

// newSession returns a session whose profiler writes into dir. The binding has
// no option for profiling, but ONNX Runtime also reads options from the model's
// metadata if an environment variable is set (inference_session_utils.cc). It
// creates the trace in the working folder when the session starts.
func newSession(m *onnxpb.Model, inputs, outputs []string, o session.Options, dir string) (s *ort.DynamicAdvancedSession, err error) {
	const variable = "ORT_LOAD_CONFIG_FROM_MODEL"
	profiled := proto.Clone(m).(*onnxpb.Model)
	profiled.MetadataProps = append(profiled.MetadataProps, &onnxpb.Property{
		Key:   proto.String("ort_config"),
		Value: proto.String(`{"session_options": {"enable_profiling": 1}}`),
	})
	data, err := modelfile.Marshal(profiled)
	if err != nil {
		return nil, err
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if err := os.Chdir(dir); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Chdir(here)) }()
	if err := os.Setenv(variable, "1"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Unsetenv(variable)) }()
	err = o.Start(func(options *ort.SessionOptions) (err error) {
		s, err = ort.NewDynamicAdvancedSessionWithONNXData(data, inputs, outputs, options)
		return err
	})
	return s, err
}

// values returns tensors for all inputs of the model, with their names. After an
// error it returns those that were made until then, for the caller to destroy.
func (f Feeds) values(m *onnxpb.Model) (values []ort.Value, names []string, err error) {
	for _, input := range m.GetGraph().GetInput() {
		t := input.GetType().GetTensorType()
		shape, data, err := f.tensor(input.GetName(), t)
		if err != nil {
			return values, names, fmt.Errorf("input %q: %w", input.GetName(), err)
		}
		v, err := ort.NewCustomDataTensor(shape, data, ort.TensorElementDataType(t.GetElemType()))
		if err != nil {
			return values, names, fmt.Errorf("input %q: %w", input.GetName(), err)
		}
		values, names = append(values, v), append(names, input.GetName())
	}
	return values, names, nil
}

// tensor returns the shape and the bytes of an input. If the batch size is not fixed,
// it follows from the number of bytes.
func (f Feeds) tensor(name string, t *onnxpb.Type_TensorType) (ort.Shape, []byte, error) {
	size := graph.Elem(t.GetElemType()).Size()
	if size == 0 {
		return nil, nil, fmt.Errorf("element type %d is not supported", t.GetElemType())
	}
	shape, open := ort.Shape{}, -1
	for i, d := range t.GetShape().GetDim() {
		shape = append(shape, d.GetDimValue())
		if d.GetDimValue() > 0 {
			size *= int(d.GetDimValue())
		} else {
			open = i
		}
	}
	data, fed := f[name]
	if open >= 0 {
		shape[open] = int64(len(data) / size)
		size *= int(shape[open])
	} else if !fed {
		data = make([]byte, size)
	}
	if size == 0 || len(data) != size {
		return nil, nil, fmt.Errorf("%d bytes do not make the shape %v", len(data), shape)
	}
	return shape, data, nil
}
