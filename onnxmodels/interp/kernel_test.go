package interp

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/ortrun"
)

// operation is a graph around one node. The graph's input is an image
// [batch, 3, 5, 7]; the node's inputs are the image, under the name x, and constants.
type operation struct {
	op         string
	attributes map[string]any
	inputs     []string // of x, w, b, …: the constants' names
	constants  map[string][]int
	ints       map[string][]int64
	bytes      bool // the input is uint8 [batch, 5, 7, 3], and so is x
}

// TestKernels compares each operator, in the forms that it can have, with ONNX
// Runtime.
func TestKernels(t *testing.T) {
	window := func(k, s, d, pads []int64) map[string]any {
		return map[string]any{"kernel_shape": k, "strides": s, "dilations": d, "pads": pads}
	}
	plain := []int64{1, 1}
	with := func(a map[string]any, name string, value any) map[string]any {
		a[name] = value
		return a
	}
	conv := func(weight []int, a map[string]any) operation {
		return operation{op: "Conv", attributes: a, inputs: []string{"x", "w", "b"}, constants: map[string][]int{"w": weight, "b": weight[:1]}}
	}
	two := func(op string, shape ...int) operation {
		return operation{op: op, inputs: []string{"x", "w"}, constants: map[string][]int{"w": shape}}
	}
	channel := []int{3}
	for name, o := range map[string]operation{
		"conv, same":                  conv([]int{4, 3, 3, 3}, window([]int64{3, 3}, plain, plain, []int64{1, 1, 1, 1})),
		"conv, no attributes":         conv([]int{4, 3, 3, 2}, nil),
		"conv, asymmetric pads":       conv([]int{2, 3, 2, 4}, window([]int64{2, 4}, plain, plain, []int64{0, 1, 3, 2})),
		"conv, strides":               conv([]int{2, 3, 3, 3}, window([]int64{3, 3}, []int64{2, 3}, plain, []int64{0, 0, 1, 1})),
		"conv, stride beyond kernel":  conv([]int{2, 3, 1, 1}, window([]int64{1, 1}, []int64{3, 2}, plain, []int64{0, 0, 0, 0})),
		"conv, dilations":             conv([]int{2, 3, 2, 3}, window([]int64{2, 3}, []int64{1, 2}, []int64{3, 2}, []int64{2, 0, 1, 4})),
		"conv, groups":                conv([]int{6, 1, 3, 3}, with(window([]int64{3, 3}, plain, plain, []int64{1, 0, 0, 1}), "group", int64(3))),
		"conv, kernel of the image":   conv([]int{2, 3, 5, 7}, nil),
		"conv, pads beyond the image": conv([]int{2, 3, 3, 3}, window([]int64{3, 3}, plain, plain, []int64{9, 9, 9, 9})),
		"conv without bias":           {op: "Conv", inputs: []string{"x", "w"}, constants: map[string][]int{"w": {2, 3, 3, 3}}},
		"conv, bias left out":         {op: "Conv", inputs: []string{"x", "w", ""}, constants: map[string][]int{"w": {2, 3, 3, 3}}},

		"average pool":             {op: "AveragePool", attributes: map[string]any{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}},
		"average pool, no strides": {op: "AveragePool", attributes: map[string]any{"kernel_shape": []int64{2, 3}}},
		"average pool, pads":       {op: "AveragePool", attributes: map[string]any{"kernel_shape": []int64{3, 2}, "strides": []int64{2, 1}, "pads": []int64{1, 0, 2, 1}}},
		"average pool, pads that count": {op: "AveragePool", attributes: map[string]any{
			"kernel_shape": []int64{3, 2}, "strides": []int64{2, 1}, "pads": []int64{1, 0, 2, 1}, "count_include_pad": int64(1),
		}},
		"max pool":            {op: "MaxPool", attributes: map[string]any{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}},
		"max pool, pads":      {op: "MaxPool", attributes: window([]int64{3, 3}, []int64{2, 1}, plain, []int64{0, 2, 2, 1})},
		"max pool, dilations": {op: "MaxPool", attributes: window([]int64{2, 3}, []int64{1, 2}, []int64{3, 2}, []int64{1, 0, 0, 2})},
		"global average pool": {op: "GlobalAveragePool"},

		"batch norm": {
			op: "BatchNormalization", attributes: map[string]any{"epsilon": float32(1e-3)}, inputs: []string{"x", "g", "b", "m", "v"},
			constants: map[string][]int{"g": channel, "b": channel, "m": channel, "v": channel},
		},
		"batch norm, default epsilon": {
			op: "BatchNormalization", attributes: map[string]any{"momentum": float32(0.5)}, inputs: []string{"x", "g", "b", "m", "v"},
			constants: map[string][]int{"g": channel, "b": channel, "m": channel, "v": channel},
		},

		"relu": {op: "Relu"}, "identity": {op: "Identity"},
		"add":                   two("Add", 2, 3, 5, 7),
		"add to itself":         {op: "Add", inputs: []string{"x", "x"}},
		"add, by channel":       two("Add", 3, 1, 1),
		"sub, scalar":           two("Sub"),
		"sub, scalar first":     {op: "Sub", inputs: []string{"w", "x"}, constants: map[string][]int{"w": nil}},
		"mul, column":           two("Mul", 5, 1),
		"mul, one element":      two("Mul", 1),
		"div, batch":            two("Div", 2, 1, 1, 7),
		"add, longer shape":     two("Add", 2, 1, 3, 5, 7),
		"softmax":               {op: "Softmax"},
		"softmax, channels":     {op: "Softmax", attributes: map[string]any{"axis": int64(1)}},
		"softmax, first":        {op: "Softmax", attributes: map[string]any{"axis": int64(-4)}},
		"transpose":             {op: "Transpose", attributes: map[string]any{"perm": []int64{0, 2, 3, 1}}},
		"transpose, all":        {op: "Transpose"},
		"cast of bytes":         {op: "Cast", attributes: map[string]any{"to": int64(graph.Float)}, bytes: true},
		"cast of floats":        {op: "Cast", attributes: map[string]any{"to": int64(graph.Float)}},
		"flatten":               {op: "Flatten"},
		"flatten, axis 0":       {op: "Flatten", attributes: map[string]any{"axis": int64(0)}},
		"flatten, from the end": {op: "Flatten", attributes: map[string]any{"axis": int64(-1)}},
		"reshape":               {op: "Reshape", inputs: []string{"x", "s"}, ints: map[string][]int64{"s": {0, -1, 7}}},
	} {
		t.Run(name, func(t *testing.T) { compareOperation(t, o) })
	}
}

// TestMatrices does the same for operators on matrices, whose input is the image
// flattened to [2, 105].
func TestMatrices(t *testing.T) {
	for name, o := range map[string]operation{
		"gemm":                {op: "Gemm", inputs: []string{"x", "w", "b"}, constants: map[string][]int{"w": {105, 4}, "b": {4}}},
		"gemm, column":        {op: "Gemm", inputs: []string{"x", "w", "b"}, constants: map[string][]int{"w": {105, 4}, "b": {2, 1}}},
		"gemm, scalar":        {op: "Gemm", inputs: []string{"x", "w", "b"}, constants: map[string][]int{"w": {105, 4}, "b": nil}},
		"gemm without C":      {op: "Gemm", inputs: []string{"x", "w"}, constants: map[string][]int{"w": {105, 4}}},
		"gemm, second turned": {op: "Gemm", inputs: []string{"x", "w", "b"}, attributes: map[string]any{"transB": int64(1)}, constants: map[string][]int{"w": {4, 105}, "b": {1, 4}}},
		"gemm, first turned":  {op: "Gemm", inputs: []string{"x", "w"}, attributes: map[string]any{"transA": int64(1)}, constants: map[string][]int{"w": {2, 4}}},
		"gemm, both turned and scaled": {
			op: "Gemm", inputs: []string{"x", "w", "b"}, constants: map[string][]int{"w": {4, 2}, "b": {105, 4}},
			attributes: map[string]any{"transA": int64(1), "transB": int64(1), "alpha": float32(0.5), "beta": float32(-2)},
		},
		"matmul": {op: "MatMul", inputs: []string{"x", "w"}, constants: map[string][]int{"w": {105, 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := o.model()
			flat := &onnxpb.Node{OpType: proto.String("Flatten"), Input: []string{"image"}, Output: []string{"x"}}
			m.Graph.Node[0] = flat
			compareModels(t, m)
		})
	}
}

// model returns the graph with the outputs that New requires: the node's output
// is y, and logits and probabilities are computed from the image separately.
func (o operation) model() *onnxpb.Model {
	n := &onnxpb.Node{Name: proto.String("tested"), OpType: proto.String(o.op), Input: o.inputs, Output: []string{"y"}}
	if o.inputs == nil {
		n.Input = []string{"x"}
	}
	for name, value := range o.attributes {
		n.Attribute = append(n.Attribute, attributeProto(name, value))
	}
	elem, shape := graph.Float, []int{-1, 3, 5, 7}
	if o.bytes {
		elem, shape = graph.Uint8, []int{-1, 5, 7, 3}
	}
	node := func(op, in, out string) *onnxpb.Node {
		return &onnxpb.Node{Name: proto.String(out), OpType: proto.String(op), Input: []string{in}, Output: []string{out}}
	}
	cast := node("Cast", "image", "floats")
	cast.Attribute = []*onnxpb.Attribute{attributeProto("to", int64(graph.Float))}
	g := &onnxpb.Graph{
		Name:  proto.String(o.op),
		Node:  []*onnxpb.Node{node("Identity", "image", "x"), n, cast, node("Flatten", "floats", "logits"), node("Softmax", "logits", "probabilities")},
		Input: []*onnxpb.ValueInfo{info("image", elem, shape)},
		Output: []*onnxpb.ValueInfo{
			info("logits", graph.Float, []int{-1, 105}), info("probabilities", graph.Float, []int{-1, 105}),
			{Name: proto.String("y"), Type: info("", graph.Float, nil).Type},
		},
	}
	g.Output[2].Type.GetTensorType().Shape = nil
	rng := rand.New(rand.NewPCG(5, 6))
	for _, name := range []string{"w", "g", "b", "m", "v"} {
		shape, ok := o.constants[name]
		if !ok {
			continue
		}
		values := make([]float32, elements(shape))
		for i := range values {
			values[i] = float32(rng.NormFloat64())
			if name == "v" {
				values[i] = 0.1 + rng.Float32()
			}
		}
		t := graph.Tensor(name, graph.Float, shape, nil)
		t.FloatData = values
		g.Initializer = append(g.Initializer, t)
	}
	for name, values := range o.ints {
		t := graph.Tensor(name, graph.Int64, []int{len(values)}, nil)
		t.Int64Data = values
		g.Initializer = append(g.Initializer, t)
	}
	return &onnxpb.Model{
		IrVersion: proto.Int64(graph.IRVersion), Graph: g,
		OpsetImport: []*onnxpb.OperatorSet{{Domain: proto.String(""), Version: proto.Int64(graph.Opset)}},
	}
}

// elements returns the number of elements of a shape.
func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func compareOperation(t *testing.T, o operation) { compareModels(t, o.model()) }

// compareModels runs a model of operation in both runtimes, twice.
func compareModels(t *testing.T, m *onnxpb.Model) {
	t.Helper()
	model, inORT := mustNew(t, m), ortrun.Load(t, m)
	pixels := images(2, 3*5*7)
	want := inORT.Run(t, feed(t, model, pixels))[2]
	for range 2 {
		values, err := model.Values(pixels)
		if err != nil {
			t.Fatal(err)
		}
		got := value(values, "y")
		if d := difference(t, got.Floats, want); !(d <= 1e-5) {
			t.Errorf("the largest difference is %v", d)
		}
	}
}

func value(values []*Value, name string) *Value {
	for _, v := range values {
		if v.Name == name {
			return v
		}
	}
	return &Value{Tensor: &op.Tensor{}}
}

// TestShapes compares shapes too, not only lists of elements.
func TestShapes(t *testing.T) {
	for want, o := range map[string]operation{
		"[2 5 7 3]": {op: "Transpose", attributes: map[string]any{"perm": []int64{0, 2, 3, 1}}},
		"[7 5 3 2]": {op: "Transpose"},
		"[2 105]":   {op: "Flatten"},
		"[1 210]":   {op: "Flatten", attributes: map[string]any{"axis": int64(0)}},
		"[2 15 7]":  {op: "Reshape", inputs: []string{"x", "s"}, ints: map[string][]int64{"s": {0, -1, 7}}},
		"[2 3 1 1]": {op: "GlobalAveragePool"},
		"[2 3 2 3]": {op: "AveragePool", attributes: map[string]any{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}},
	} {
		values, err := mustNew(t, o.model()).Values(images(2, 3*5*7))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(value(values, "y").Shape); got != want {
			t.Errorf("%s gives %s, want %s", o.op, got, want)
		}
	}
}

func attributeProto(name string, value any) *onnxpb.Attribute {
	a := &onnxpb.Attribute{Name: proto.String(name)}
	switch v := value.(type) {
	case int64:
		a.I, a.Type = proto.Int64(v), onnxpb.Attribute_INT.Enum()
	case float32:
		a.F, a.Type = proto.Float32(v), onnxpb.Attribute_FLOAT.Enum()
	case string:
		a.S, a.Type = []byte(v), onnxpb.Attribute_STRING.Enum()
	case []int64:
		a.Ints, a.Type = v, onnxpb.Attribute_INTS.Enum()
	}
	return a
}

// info declares a value; a size of -1 stands for the batch.
func info(name string, elem graph.Elem, shape []int) *onnxpb.ValueInfo {
	s := &onnxpb.TensorShape{}
	for _, n := range shape {
		d := &onnxpb.TensorShape_Dimension{Value: &onnxpb.TensorShape_Dimension_DimValue{DimValue: int64(n)}}
		if n < 0 {
			d.Value = &onnxpb.TensorShape_Dimension_DimParam{DimParam: onnxmodels.BatchSymbol}
		}
		s.Dim = append(s.Dim, d)
	}
	tensor := &onnxpb.Type_TensorType{ElemType: proto.Int32(int32(elem)), Shape: s}
	return &onnxpb.ValueInfo{Name: proto.String(name), Type: &onnxpb.Type{Value: &onnxpb.Type_TensorType_{TensorType: tensor}}}
}
