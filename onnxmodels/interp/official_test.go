//go:build operators

package interp

import (
	"archive/zip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/ortrun"
)

// official is one of the operator tests in the Python package onnx: a model, its inputs, and
// the outputs that it must give.
type official struct {
	release, name   string
	model           []byte
	inputs, outputs [][]byte
}

// readOfficial reads the tests in a wheel of the package, except those that an earlier
// release has with exactly the same bytes.
func readOfficial(t *testing.T, wheel string, seen map[[32]byte]bool) []official {
	t.Helper()
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	files := map[string]*zip.File{}
	var models []string
	for _, f := range archive.File {
		files[f.Name] = f
		if strings.HasPrefix(f.Name, "onnx/backend/test/data/node/") && path.Base(f.Name) == "model.onnx" {
			models = append(models, f.Name)
		}
	}
	read := func(name string) []byte {
		f := files[name]
		if f == nil {
			return nil
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var tests []official
	for _, name := range models {
		dir := path.Dir(name)
		o := official{release: strings.Split(filepath.Base(wheel), "-")[1], name: path.Base(dir), model: read(name)}
		for i := 0; ; i++ {
			data := read(fmt.Sprintf("%s/test_data_set_0/input_%d.pb", dir, i))
			if data == nil {
				break
			}
			o.inputs = append(o.inputs, data)
		}
		for i := 0; ; i++ {
			data := read(fmt.Sprintf("%s/test_data_set_0/output_%d.pb", dir, i))
			if data == nil {
				break
			}
			o.outputs = append(o.outputs, data)
		}
		sum := sha256.Sum256(slices.Concat(o.model, slices.Concat(o.inputs...), slices.Concat(o.outputs...)))
		if !seen[sum] {
			seen[sum] = true
			tests = append(tests, o)
		}
	}
	return tests
}

// TestOfficial runs the official tests of all operators that models may have, in pure Go and
// in ONNX Runtime, which gets the operators that the importer makes of the model. The tests
// come from the wheels in the folder that ONNXLAB_OPERATOR_TESTS names, one for each release
// of the package. ONNXLAB_OPERATORS=Relu,Add runs only the tests of these operators.
func TestOfficial(t *testing.T) {
	wheels, err := filepath.Glob(filepath.Join(os.Getenv("ONNXLAB_OPERATOR_TESTS"), "onnx-*.whl"))
	if err != nil || len(wheels) == 0 {
		t.Fatal("ONNXLAB_OPERATOR_TESTS does not name a folder with wheels of the package onnx")
	}
	only := os.Getenv("ONNXLAB_OPERATORS")
	count := map[string]int{}
	seen := map[[32]byte]bool{}
	var found sync.Mutex
	for _, wheel := range wheels {
		var group errgroup.Group
		group.SetLimit(runtime.NumCPU())
		for _, o := range readOfficial(t, wheel, seen) {
			group.Go(func() error {
				what := "other operators"
				if m, err := modelfile.Decode(o.model); err == nil {
					what = o.check(t, m, strings.Split(only, ","))
				}
				found.Lock()
				defer found.Unlock()
				count[what]++
				return nil
			})
		}
		_ = group.Wait() // failures are reported to t
	}
	t.Log(count)
}

// corrected lists tests that a later release corrects: it has other values for the same
// model, or another model for the same values.
var corrected = []string{
	"1.6.0 test_resize_upsample_sizes_nearest_floor_align_corners", // without nearest_mode
	"1.6.0 test_resize_upsample_sizes_nearest_ceil_half_pixel",
	"1.6.0 test_resize_upsample_sizes_nearest_round_prefer_ceil_asymmetric",
	"1.9.0 test_convtranspose_autopad_same", // with SAME_LOWER for what is SAME_UPPER
	"1.13.1 test_col2im_pads",               // a sum is 10 less than its terms
	"1.19.1 test_l2normalization_axis_0",    // 0/0 is NaN there, and 0 later
	// These count elements behind all pads.
	"1.15.0 test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
	"1.17.0 test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
}

// check runs one test and returns the outcome. It leaves out tests of operators and types
// that models may not have.
func (o official) check(t *testing.T, m *modelfile.Model, only []string) string {
	t.Helper()
	names, claimed := operatorsOf(m)
	wanted := func(n string) bool { return slices.Contains(only, n) }
	if !claimed || only[0] != "" && !slices.ContainsFunc(names, wanted) {
		return "other operators"
	}
	if slices.Contains(corrected, o.release+" "+o.name) {
		return "corrected by a later release"
	}
	inputs, outputs, err := o.tensors()
	if err != nil || !known(m) {
		return "other types"
	}
	for i, in := range m.GetGraph().GetInput() {
		if i < len(inputs) && graph.Elem(in.GetType().GetTensorType().GetElemType()) != inputs[i].Elem {
			return "other types" // bfloat16 as the bits of uint16
		}
	}
	for i, out := range m.GetGraph().GetOutput() {
		if i < len(outputs) && graph.Elem(out.GetType().GetTensorType().GetElemType()) != outputs[i].Elem {
			return "other types"
		}
	}
	if strings.HasPrefix(o.name, "test_training_dropout") && !strings.Contains(o.name, "zero_ratio") {
		return "random"
	}
	p, m, err := o.compile(m, inputs)
	if err != nil && strings.Contains(err.Error(), "blocks are not supported") {
		return "refused: quantization in blocks is not supported"
	}
	if err != nil {
		t.Errorf("%s %s: %v", o.release, o.name, err)
		return "failed"
	}
	given := map[string]*op.Tensor{}
	for i, in := range o.inputNames(m) {
		given[in] = inputs[i]
	}
	got, err := p.Run(given)
	for i := 0; err == nil && i < len(outputs); i++ {
		err = same(got[i], outputs[i])
	}
	if err != nil {
		t.Errorf("%s %s: %v", o.release, o.name, err)
		return "failed"
	}
	return o.inRuntime(t, m, given, outputs)
}

// inRuntime runs the test in ONNX Runtime, which has no kernels for some types.
func (o official) inRuntime(t *testing.T, m *modelfile.Model, inputs map[string]*op.Tensor, outputs []*op.Tensor) string {
	t.Helper()
	g, err := importer.Canonical(m)
	if err != nil {
		t.Fatal(err)
	}
	model, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	var in, out []ortrun.Raw
	for _, v := range g.Inputs {
		x := inputs[v.Name]
		in = append(in, ortrun.Raw{Elem: x.Elem, Shape: x.Shape, Data: x.Bytes()})
	}
	for _, want := range outputs {
		out = append(out, ortrun.Raw{Elem: want.Elem, Shape: want.Shape, Data: make([]byte, len(want.Bytes()))})
	}
	switch err := ortrun.RunRaw(t, model, in, out); {
	case err != nil && (strings.Contains(err.Error(), "NOT_IMPLEMENTED") || strings.Contains(err.Error(), "Could not find an implementation") ||
		strings.Contains(err.Error(), "is invalid")):
		return "passed in pure Go; ONNX Runtime has no kernels for the types"
	case errors.Is(err, ortrun.ErrForm):
		return "passed in pure Go; the binding cannot pass scalars or tensors without elements"
	case err != nil:
		t.Errorf("%s %s: in ONNX Runtime: %v", o.release, o.name, err)
		return "failed"
	}
	for i, want := range outputs {
		if err := same(op.FromBytes(want.Elem, want.Shape, out[i].Data), want); err != nil {
			t.Errorf("%s %s: in ONNX Runtime: %v", o.release, o.name, err)
			return "failed"
		}
	}
	return "passed"
}

// operatorsOf lists the operators of a model, and tells whether all are known.
func operatorsOf(m *modelfile.Model) (names []string, claimed bool) {
	claimed = true
	version := 0
	for _, o := range m.GetOpsetImport() {
		if o.GetDomain() == "" || o.GetDomain() == "ai.onnx" {
			version = int(o.GetVersion())
		}
	}
	for _, n := range m.GetGraph().GetNode() {
		names = append(names, n.GetOpType())
		claimed = claimed && version >= op.OldestOpset && n.GetDomain() == "" && (slices.Contains(op.Claims(), n.GetOpType()) || n.GetOpType() == "Constant")
	}
	return names, claimed
}

// known tells whether all values of the model, and what it converts to, are of types that
// models may have.
func known(m *modelfile.Model) bool {
	for _, v := range append(m.GetGraph().GetInput(), m.GetGraph().GetOutput()...) {
		if t := v.GetType().GetTensorType(); t == nil || graph.Elem(t.GetElemType()).Size() == 0 {
			return false
		}
	}
	for _, n := range m.GetGraph().GetNode() {
		for _, a := range n.GetAttribute() {
			if n.GetOpType() == "Cast" && a.GetName() == "to" && graph.Elem(a.GetI()).Size() == 0 {
				return false
			}
		}
	}
	return true
}

// tensors reads the inputs of the test and the outputs that it wants.
func (o official) tensors() (inputs, outputs []*op.Tensor, err error) {
	for _, list := range []struct {
		data [][]byte
		to   *[]*op.Tensor
	}{{o.inputs, &inputs}, {o.outputs, &outputs}} {
		for _, data := range list.data {
			t, err := tensorFrom(data)
			if err != nil {
				return nil, nil, err
			}
			*list.to = append(*list.to, t)
		}
	}
	return inputs, outputs, nil
}

// inputNames returns the names of the model's inputs that are not initializers.
func (o official) inputNames(m *modelfile.Model) (names []string) {
	for _, in := range m.GetGraph().GetInput() {
		names = append(names, in.GetName())
	}
	return names
}

// compile makes a program of the model. If a shape depends on an input of the test, such as
// the sizes of a Reshape, that input becomes a constant, as it is in real models.
func (o official) compile(m *modelfile.Model, inputs []*op.Tensor) (*Program, *modelfile.Model, error) {
	p, err := Compile(m)
	if err == nil {
		return p, m, nil
	}
	fixed := proto.CloneOf(m)
	for i, in := range m.GetGraph().GetInput() {
		if i < len(inputs) && len(inputs[i].Shape) <= 1 && (inputs[i].Ints != nil || i > 0) {
			t := inputs[i]
			fixed.Graph.Initializer = append(fixed.Graph.Initializer, graph.Tensor(in.GetName(), t.Elem, t.Shape, t.Bytes()))
		}
	}
	p, err = Compile(fixed)
	return p, fixed, err
}

func tensorFrom(data []byte) (*op.Tensor, error) {
	t := &onnxpb.Tensor{}
	if err := proto.Unmarshal(data, t); err != nil {
		return nil, err
	}
	elem, sizes, raw, err := importer.Contents(t)
	if err != nil {
		return nil, err
	}
	return op.FromBytes(elem, sizes, raw), nil
}

// same compares with a relative tolerance of 1e-3, like the package's own test runner.
func same(got, want *op.Tensor) error {
	if got.Elem != want.Elem || !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("it is %s, want %s", got, want)
	}
	for i, w := range want.Ints {
		if got.Ints[i] != w {
			return fmt.Errorf("element %d of %s is %d, want %d", i, want, got.Ints[i], w)
		}
	}
	for i := range want.Len() {
		g, w := got.At(i), want.At(i)
		tolerance := 0.0
		switch want.Elem {
		case graph.Float, graph.Double:
			tolerance = 1e-7 + 1e-3*math.Abs(w)
		case graph.Float16, graph.BFloat16:
			tolerance = 1e-3 + 1e-2*math.Abs(w)
		}
		if g != w && !(math.IsNaN(g) && math.IsNaN(w)) && !(math.Abs(g-w) <= tolerance) {
			return fmt.Errorf("element %d of %s is %v, want %v", i, want, g, w)
		}
	}
	return nil
}
