package interp

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
)

// hostile returns a small good model to damage.
func hostile(t testing.TB) *onnxpb.Model {
	t.Helper()
	network, state := small(t)
	return inference(t, network, state, onnxmodels.InferenceOptions{KeepBatchNorm: true})
}

// nodeOf returns the first node of the operator.
func nodeOf(m *onnxpb.Model, op string) *onnxpb.Node {
	for _, n := range m.Graph.Node {
		if n.GetOpType() == op {
			return n
		}
	}
	return &onnxpb.Node{}
}

func set(n *onnxpb.Node, name string, value any) {
	for i, a := range n.Attribute {
		if a.GetName() == name {
			n.Attribute[i] = attributeProto(name, value)
			return
		}
	}
	n.Attribute = append(n.Attribute, attributeProto(name, value))
}

// damages are ways to damage a model, by a part of the error that New, or else
// Predict, must return.
var damages = map[string]func(m *onnxpb.Model){
	// New must refuse these.
	"not an ONNX model":                       func(m *onnxpb.Model) { m.Graph = nil },
	"opset 6; opsets 7 to 28 are supported":   func(m *onnxpb.Model) { m.OpsetImport[0].Version = proto.Int64(6) },
	"opset 99; opsets 7 to 28":                func(m *onnxpb.Model) { m.OpsetImport[0].Version = proto.Int64(99) },
	"opset 0; opsets 7":                       func(m *onnxpb.Model) { m.OpsetImport = nil },
	`node "stage1.relu1" (LeakyReLU): the op`: func(m *onnxpb.Model) { nodeOf(m, "Relu").OpType = proto.String("LeakyReLU") },
	`"stage1.relu1" (com.microsoft.Relu)`:     func(m *onnxpb.Model) { nodeOf(m, "Relu").Domain = proto.String("com.microsoft") },
	`"stage1.conv1" (Conv): attribute "scale" is not`: func(m *onnxpb.Model) {
		set(nodeOf(m, "Conv"), "scale", int64(1))
	},
	`attribute "auto_pad" is "SAME_LEFT", w`:                                                       func(m *onnxpb.Model) { set(nodeOf(m, "Conv"), "auto_pad", "SAME_LEFT") },
	`attribute "pads" has the wrong type`:                                                          func(m *onnxpb.Model) { set(nodeOf(m, "Conv"), "pads", int64(1)) },
	`attribute "pads" has 2 numbers, want 4`:                                                       func(m *onnxpb.Model) { set(nodeOf(m, "Conv"), "pads", []int64{1, 1}) },
	`attribute "pads": -1 is outside 0..65535`:                                                     func(m *onnxpb.Model) { set(nodeOf(m, "Conv"), "pads", []int64{-1, 0, 0, 0}) },
	`attribute "strides": 0 is outside 1..65535`:                                                   func(m *onnxpb.Model) { set(nodeOf(m, "Conv"), "strides", []int64{0, 1}) },
	`attribute "kernel_shape" is missing`:                                                          func(m *onnxpb.Model) { nodeOf(m, "AveragePool").Attribute = nil },
	`attribute "pads": 2 is not smaller than the kern`:                                             func(m *onnxpb.Model) { set(nodeOf(m, "AveragePool"), "pads", []int64{0, 2, 0, 0}) },
	`attribute "auto_pad" is "SAME", want NOTSET`:                                                  func(m *onnxpb.Model) { set(nodeOf(m, "AveragePool"), "auto_pad", "SAME") },
	`Mul): inputs image.float.out int64[batch, 3, 8, 12] and image.scale float32[] differ in type`: func(m *onnxpb.Model) { set(nodeOf(m, "Cast"), "to", int64(7)) },
	`attribute "value" is not supported`: func(m *onnxpb.Model) {
		n := nodeOf(m, "Relu")
		n.Attribute = []*onnxpb.Attribute{{
			Name: proto.String("value"), Type: onnxpb.Attribute_TENSOR.Enum(), T: graph.Tensor("t", graph.Float, []int{2}, make([]byte, 8)),
		}}
	},
	"it does not have exactly one input": func(m *onnxpb.Model) { m.Graph.Input[0].Type = nil },
	"it has no output \"probabilities\"": func(m *onnxpb.Model) { m.Graph.Output = m.Graph.Output[:1] },
	"image.scale int32[] differ in type": func(m *onnxpb.Model) { m.Graph.Initializer[0].DataType = proto.Int32(int32(graph.Int32)) },
	"need 1000000000 numbers, it has 1": func(m *onnxpb.Model) {
		i := m.Graph.Initializer[0]
		i.Dims, i.RawData, i.FloatData = []int64{1e9}, nil, []float32{1}
	},
	"need 3 numbers, it has 0": func(m *onnxpb.Model) {
		m.Graph.Initializer[0].RawData, m.Graph.Initializer[0].Dims = nil, []int64{3}
	},

	// Predict must find these.
	`node "stage1.conv1" (Conv): weight stage1.conv1.weight float32[4, 3, 3, 3] and kernel [5 5]`: func(m *onnxpb.Model) { set(nodeOf(m, "Conv"), "kernel_shape", []int64{5, 5}) },
	`: a kernel of [3 3] with dilations [9 9] and`:                                                func(m *onnxpb.Model) { set(nodeOf(m, "Conv"), "dilations", []int64{9, 9}) },
	`more than 268435456 elements`:                                                                func(m *onnxpb.Model) { set(nodeOf(m, "Conv"), "pads", []int64{65535, 65535, 65535, 65535}) },
	`(BatchNormalization): stage1.conv1.weight float32[4, 3, 3, 3] does not fit`: func(m *onnxpb.Model) {
		n := nodeOf(m, "BatchNormalization")
		n.Input[1] = nodeOf(m, "Conv").Input[1]
	},
	`(BatchNormalization): input input_var is missing`: func(m *onnxpb.Model) {
		n := nodeOf(m, "BatchNormalization")
		n.Input = n.Input[:4]
	},
	`(Conv): input W is missing`:                                      func(m *onnxpb.Model) { nodeOf(m, "Conv").Input[1] = "" },
	`(Gemm): inputs pool.flat.out float32[batch, 6] and dense.weight`: func(m *onnxpb.Model) { set(nodeOf(m, "Gemm"), "transB", int64(1)) },
	`(Transpose): attribute "perm" is [0 0`:                           func(m *onnxpb.Model) { set(nodeOf(m, "Transpose"), "perm", []int64{0, 0, 1, 2}) },
	`"pool.flat" (Reshape): the shape for input`: func(m *onnxpb.Model) {
		n := nodeOf(m, "Flatten")
		n.OpType, n.Attribute, n.Input = proto.String("Reshape"), nil, append(n.Input, "sizes")
		m.Graph.Initializer = append(m.Graph.Initializer, graph.Tensor("sizes", graph.Int64, []int{100}, make([]byte, 800)))
	},
	`(Softmax): input logits float32[batch, 5] has no dimension 5`:          func(m *onnxpb.Model) { set(nodeOf(m, "Softmax"), "axis", int64(5)) },
	`(Flatten): input pool.out float32[batch, 6, 1, 1] has no dimension -9`: func(m *onnxpb.Model) { set(nodeOf(m, "Flatten"), "axis", int64(-9)) },
	`cannot be broadcast`: func(m *onnxpb.Model) {
		n := nodeOf(m, "Mul")
		n.Input[1] = nodeOf(m, "Conv").Input[1]
	},
	`output "logits" is float32`: func(m *onnxpb.Model) {
		nodeOf(m, "Gemm").Output[0], nodeOf(m, "Softmax").Input[0] = "product", "product"
		m.Graph.Node = append(m.Graph.Node, &onnxpb.Node{OpType: proto.String("Identity"), Input: []string{nodeOf(m, "Flatten").Output[0]}, Output: []string{"logits"}})
	},
}

// TestHostile checks that every damage is reported by an error that names it.
func TestHostile(t *testing.T) {
	for want, damage := range damages {
		m := hostile(t)
		damage(m)
		data, err := modelfile.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		model, err := New(data)
		if err == nil {
			_, _, err = model.Predict(t.Context(), images(1, 8*12*3))
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestDeclaredShapes checks that a huge declared shape takes no memory: onnx-go
// would allocate a tensor of each value's declared shape, so it must not see any.
func TestDeclaredShapes(t *testing.T) {
	m := hostile(t)
	for _, v := range m.Graph.ValueInfo {
		if tensor := v.GetType().GetTensorType(); tensor != nil {
			tensor.Shape = info("", graph.Float, []int{1 << 30, 1 << 30}).GetType().GetTensorType().Shape
		}
	}
	mustPredict(t, mustNew(t, m), images(1, 8*12*3))
}

// TestImages checks that bytes which are not images of the model's size are an error.
func TestImages(t *testing.T) {
	m := mustNew(t, hostile(t))
	for _, n := range []int{0, 1, 8*12*3 - 1, 8*12*3 + 1} {
		if _, _, err := m.Predict(t.Context(), make([]uint8, n)); err == nil || !strings.Contains(err.Error(), "are not images of 8x12x3") {
			t.Errorf("%d bytes: error %v", n, err)
		}
	}
}

// TestManyCallers checks that simultaneous calls return what a single one returns.
func TestManyCallers(t *testing.T) {
	m := mustNew(t, hostile(t))
	pixels := images(6, 8*12*3)
	want, _ := mustPredict(t, m, pixels)
	var group sync.WaitGroup
	for n := 1; n <= 6; n++ {
		group.Go(func() {
			for range 20 {
				got, _, err := m.Predict(t.Context(), pixels[:n*8*12*3])
				if err != nil || difference(t, got, want[:len(got)]) > 1e-6 {
					t.Errorf("%d images: error %v, logits %v", n, err, got)
				}
			}
		})
	}
	group.Wait()
}

// padded is the largest pad of a model's nodes.
func padded(t *testing.T, data []byte) (largest int64) {
	m, err := modelfile.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range m.GetGraph().GetNode() {
		for _, a := range n.GetAttribute() {
			for _, v := range a.GetInts() {
				largest = max(largest, v)
			}
		}
	}
	return largest
}

// FuzzNew checks that New and Predict never panic, whatever the bytes. It skips
// models that may rightly take long, because their images or pads are large.
func FuzzNew(f *testing.F) {
	add := func(m *onnxpb.Model) {
		data, err := modelfile.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	add(hostile(f))
	network, state := small(f)
	add(quantized(f, network, state, onnxmodels.InferenceOptions{}, images(2, 8*12*3)))
	for _, damage := range damages {
		m := hostile(f)
		damage(m)
		add(m)
	}
	f.Add([]byte("\x08\x08\x3a\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := New(data)
		if err != nil {
			return
		}
		h, w := m.Size()
		if h*w > 1024 || padded(t, data) > 64 {
			return
		}
		logits, probabilities, err := m.Predict(t.Context(), bytes.Repeat([]byte{7}, h*w*3))
		if err == nil && (len(logits) != m.Classes() || len(probabilities) != m.Classes()) {
			t.Errorf("%d logits and %d probabilities of %d classes", len(logits), len(probabilities), m.Classes())
		}
	})
}
