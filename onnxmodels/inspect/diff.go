package inspect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
)

// The ways in which an item can differ between two files.
const (
	OnlyFirst  = "only in the first"
	OnlySecond = "only in the second"
	Differs    = "differs"
)

// Difference lists the differences between two models, two checkpoints, or a
// model and a checkpoint.
type Difference struct {
	Equal bool `json:"equal"`
	// Structure lists nodes, inputs and outputs that differ; it is empty
	// unless both are models.
	Structure []ItemDifference `json:"structure"`
	// Metadata lists entries that differ; of two checkpoints, also the
	// optimizer's step.
	Metadata []ItemDifference `json:"metadata"`
	// Tensors lists the parameters and constants that differ. Same is the
	// number of those that are equal, bit for bit.
	Tensors []TensorDifference `json:"tensors"`
	Same    int                `json:"same"`
}

// ItemDifference is an item that is only in one file, or that differs.
type ItemDifference struct {
	Name string `json:"name"`
	How  string `json:"how"`
	// First and Second describe the item in each file, if both have it.
	First  string `json:"first,omitempty"`
	Second string `json:"second,omitempty"`
}

// TensorDifference is one tensor that differs.
type TensorDifference struct {
	Name string `json:"name"`
	How  string `json:"how"`
	// First and Second are the shapes.
	First  string `json:"first,omitempty"`
	Second string `json:"second,omitempty"`
	// Compared says that the shapes are equal and the elements are floats. The
	// fields below are only valid then.
	Compared bool `json:"compared"`
	// MaxAbs is the largest absolute difference of two elements. RelativeRMS
	// is the root mean square of the differences divided by that of the
	// larger tensor, 0..2.
	MaxAbs      float64 `json:"max_abs"`
	RelativeRMS float64 `json:"relative_rms"`
	// NotFinite counts the elements that are NaN or infinite in either file.
	// The other fields leave them out.
	NotFinite int `json:"not_finite,omitempty"`
}

// Subject is a model or a checkpoint to compare.
type Subject struct {
	model    *onnxpb.Model
	metadata map[string]string
	tensors  map[string]tensor
}

type tensor struct {
	shape  string
	floats []float32 // the elements, if they are float32
	raw    []byte    // the encoded tensor, for all other types
}

// ModelSubject prepares a model for Diff.
func ModelSubject(m *modelfile.Model) Subject {
	s := Subject{model: m, metadata: map[string]string{}, tensors: map[string]tensor{}}
	for _, p := range m.GetMetadataProps() {
		s.metadata[p.GetKey()] = p.GetValue()
	}
	for _, o := range m.GetOpsetImport() {
		s.metadata["operators of "+domainName(o.GetDomain())] = fmt.Sprintf("version %d", o.GetVersion())
	}
	for _, t := range m.GetGraph().GetInitializer() {
		s.tensors[t.GetName()] = tensorIn(t)
	}
	for _, n := range m.GetGraph().GetNode() {
		if t := constantIn(n); t != nil {
			s.tensors[n.GetOutput()[0]] = tensorIn(t)
		}
	}
	return s
}

// tensorIn prepares a tensor of a model.
func tensorIn(t *onnxpb.Tensor) tensor {
	elem := graph.Elem(t.GetDataType())
	v := tensor{shape: typeOf(elem, t.GetDims())}
	if elem == graph.Float {
		v.floats = floats(t)
		return v
	}
	// All fields but the name, so that int64_data and the like count.
	nameless := proto.Clone(t).(*onnxpb.Tensor)
	nameless.Name = nil
	v.raw, _ = proto.MarshalOptions{Deterministic: true}.Marshal(nameless) // it was decoded before
	return v
}

// constantIn returns the tensor of a node Constant; nil for other nodes.
func constantIn(n *onnxpb.Node) *onnxpb.Tensor {
	if n.GetOpType() != "Constant" || len(n.GetOutput()) != 1 || len(n.GetAttribute()) != 1 {
		return nil
	}
	return n.GetAttribute()[0].GetT()
}

// CheckpointSubject prepares a checkpoint for Diff.
func CheckpointSubject(c *checkpoint.Checkpoint) Subject {
	s := Subject{metadata: map[string]string{}, tensors: map[string]tensor{}}
	add := func(prefix string, t checkpoint.Tensor) {
		s.tensors[prefix+t.Name] = tensor{shape: typeOf(graph.Float, t.Shape), floats: t.Data}
	}
	for _, t := range slices.Concat(c.Trainable, c.Frozen) {
		add("", t)
	}
	if o := c.Optimizer; o != nil {
		s.metadata["optimizer step"] = fmt.Sprint(o.Step)
		for _, state := range o.States {
			for _, t := range state.Momenta {
				add("optimizer "+state.Parameter+" ", t)
			}
		}
	}
	return s
}

func floats(t *onnxpb.Tensor) []float32 {
	if raw := t.GetRawData(); len(raw) > 0 {
		values := make([]float32, len(raw)/4)
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		return values
	}
	return t.GetFloatData()
}

// Diff compares two subjects.
func Diff(a, b Subject) *Difference {
	d := &Difference{Structure: []ItemDifference{}, Metadata: []ItemDifference{}, Tensors: []TensorDifference{}}
	if a.model != nil && b.model != nil {
		d.Structure = append(d.Structure, items(describeItems(a.model.GetGraph()), describeItems(b.model.GetGraph()))...)
	}
	if (a.model == nil) == (b.model == nil) {
		d.Metadata = append(d.Metadata, items(a.metadata, b.metadata)...)
	}
	for _, name := range names(a.tensors, b.tensors) {
		x, first := a.tensors[name]
		y, second := b.tensors[name]
		t := TensorDifference{Name: name, First: x.shape, Second: y.shape, How: how(first, second)}
		if first && second && compare(&t, x, y) {
			d.Same++
			continue
		}
		d.Tensors = append(d.Tensors, t)
	}
	d.Equal = len(d.Structure)+len(d.Metadata)+len(d.Tensors) == 0
	return d
}

// compare fills in t and reports whether both tensors are equal.
func compare(t *TensorDifference, x, y tensor) bool {
	if x.shape != y.shape || len(x.floats) != len(y.floats) || x.raw != nil || y.raw != nil {
		return x.shape == y.shape && len(x.floats) == len(y.floats) && bytes.Equal(x.raw, y.raw)
	}
	t.Compared = true
	same, squares, sx, sy := true, 0.0, 0.0, 0.0
	for i := range x.floats {
		u, v := float64(x.floats[i]), float64(y.floats[i])
		if math.Float32bits(x.floats[i]) != math.Float32bits(y.floats[i]) {
			same = false
		}
		if math.IsNaN(u-v) || math.IsInf(u-v, 0) {
			t.NotFinite++
			continue
		}
		t.MaxAbs = max(t.MaxAbs, math.Abs(u-v))
		squares, sx, sy = squares+(u-v)*(u-v), sx+u*u, sy+v*v
	}
	if larger := max(sx, sy); larger > 0 {
		t.RelativeRMS = math.Sqrt(squares / larger)
	}
	return same
}

// items compares the entries of both maps name by name.
func items(a, b map[string]string) []ItemDifference {
	var list []ItemDifference
	for _, name := range names(a, b) {
		x, first := a[name]
		y, second := b[name]
		if first && second && x == y {
			continue
		}
		d := ItemDifference{Name: name, How: how(first, second)}
		if first && second {
			d.First, d.Second = x, y
		}
		list = append(list, d)
	}
	return list
}

func how(first, second bool) string {
	switch {
	case !second:
		return OnlyFirst
	case !first:
		return OnlySecond
	}
	return Differs
}

func names[T any](a, b map[string]T) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// describeItems describes each node, input and output of a graph in a line.
func describeItems(g *onnxpb.Graph) map[string]string {
	list := map[string]string{}
	for _, v := range g.GetInput() {
		list["input "+v.GetName()] = value(v).Type
	}
	for _, v := range g.GetOutput() {
		list["output "+v.GetName()] = value(v).Type
	}
	for _, n := range g.GetNode() {
		if constantIn(n) != nil {
			continue // it is compared as a tensor
		}
		var attributes []string
		for _, a := range n.GetAttribute() {
			attributes = append(attributes, describeAttribute(a))
		}
		slices.Sort(attributes)
		name := n.GetName()
		if name == "" {
			name = strings.Join(n.GetOutput(), ", ")
		}
		list["node "+name] = fmt.Sprintf("%s %q -> %q %v", operatorName(n), n.GetInput(), n.GetOutput(), attributes)
	}
	return list
}

func describeAttribute(a *onnxpb.Attribute) string {
	name := a.GetName()
	switch a.GetType() {
	case onnxpb.Attribute_FLOAT:
		return fmt.Sprintf("%s=%v", name, a.GetF())
	case onnxpb.Attribute_INT:
		return fmt.Sprintf("%s=%d", name, a.GetI())
	case onnxpb.Attribute_STRING:
		return fmt.Sprintf("%s=%q", name, a.GetS())
	case onnxpb.Attribute_FLOATS:
		return fmt.Sprintf("%s=%v", name, a.GetFloats())
	case onnxpb.Attribute_INTS:
		return fmt.Sprintf("%s=%v", name, a.GetInts())
	}
	data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(a) // it was decoded before
	return fmt.Sprintf("%s=%x", name, data)
}
