package session

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
)

// randomModel is an ONNX classifier that is put together at random from what classifiers are
// made of, in sizes that fit the blocks of kernels and in others.
type randomModel struct {
	*rand.Rand
	graph           *onnxpb.Graph
	x               string // the value that the next layer takes: [n, c, h, w]
	c, h, w         int
	values, weights int
}

const randomClasses = 5

// newRandomModel returns the classifier that the seed determines.
func newRandomModel(seed uint64) *randomModel {
	m := &randomModel{Rand: rand.New(rand.NewPCG(seed, 1)), graph: &onnxpb.Graph{Name: proto.String("random")}, x: "image", c: 3}
	m.h, m.w = 8+m.IntN(17), 8+m.IntN(17)
	m.graph.Input = []*onnxpb.ValueInfo{valueInfo("image", "N", m.c, m.h, m.w)}
	m.convNormAct()
	layers := []func(){
		m.convNormAct, m.convNormAct, m.conv, m.norm, m.act, m.pool, m.residual, m.squeeze, m.branches, m.shuffle,
		m.rowNorm, m.pad, m.affine, m.upsample, m.attention, m.halves, m.instanceNorm, m.transposed,
	}
	for range 3 + m.IntN(8) {
		layers[m.IntN(len(layers))]()
	}
	m.head()
	return m
}

// read imports the model.
func (m *randomModel) read(t *testing.T) *importer.Model {
	t.Helper()
	m.graph.Output = []*onnxpb.ValueInfo{valueInfo(m.x, "N", randomClasses)}
	read, err := importer.Read(&onnxpb.Model{
		IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSet{{Version: proto.Int64(17)}}, Graph: m.graph,
	}, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// String lists the nodes.
func (m *randomModel) String() string {
	text := ""
	for _, n := range m.graph.Node {
		text += fmt.Sprintf("%s %v -> %s %v\n", n.GetOpType(), n.Input, n.Output[0], n.Attribute)
	}
	return text
}

func valueInfo(name, batch string, sizes ...int) *onnxpb.ValueInfo {
	dims := []*onnxpb.TensorShape_Dimension{{Value: &onnxpb.TensorShape_Dimension_DimParam{DimParam: batch}}}
	for _, size := range sizes {
		dims = append(dims, &onnxpb.TensorShape_Dimension{Value: &onnxpb.TensorShape_Dimension_DimValue{DimValue: int64(size)}})
	}
	return &onnxpb.ValueInfo{Name: &name, Type: &onnxpb.Type{Value: &onnxpb.Type_TensorType_{TensorType: &onnxpb.Type_TensorType{
		ElemType: proto.Int32(int32(graph.Float)), Shape: &onnxpb.TensorShape{Dim: dims},
	}}}}
}

// attribute returns an attribute: an int, a list of ints, a float32 or a string.
func attribute(name string, value any) *onnxpb.Attribute {
	a := &onnxpb.Attribute{Name: &name}
	switch v := value.(type) {
	case int:
		a.I, a.Type = proto.Int64(int64(v)), onnxpb.Attribute_INT.Enum()
	case []int:
		for _, i := range v {
			a.Ints = append(a.Ints, int64(i))
		}
		a.Type = onnxpb.Attribute_INTS.Enum()
	case float32:
		a.F, a.Type = &v, onnxpb.Attribute_FLOAT.Enum()
	case string:
		a.S, a.Type = []byte(v), onnxpb.Attribute_STRING.Enum()
	}
	return a
}

// node appends a node and returns its output.
func (m *randomModel) node(op string, inputs []string, attributes ...*onnxpb.Attribute) string {
	m.values++
	out := fmt.Sprintf("v%d", m.values)
	m.graph.Node = append(m.graph.Node, &onnxpb.Node{
		OpType: &op, Name: proto.String(fmt.Sprintf("%s_%d", op, m.values)), Input: inputs, Output: []string{out}, Attribute: attributes,
	})
	return out
}

// then appends a node that takes the current value first, and makes its output the current value.
func (m *randomModel) then(op string, more []string, attributes ...*onnxpb.Attribute) {
	m.x = m.node(op, append([]string{m.x}, more...), attributes...)
}

// floats returns an initializer of normally distributed numbers.
func (m *randomModel) floats(mean, deviation float64, sizes ...int) string {
	data := make([]float32, product(sizes))
	for i := range data {
		data[i] = float32(mean + deviation*m.NormFloat64())
	}
	return m.initializer(&onnxpb.Tensor{DataType: proto.Int32(int32(graph.Float)), FloatData: data}, sizes)
}

// positive returns an initializer of numbers in 0.5..1.5.
func (m *randomModel) positive(sizes ...int) string {
	data := make([]float32, product(sizes))
	for i := range data {
		data[i] = 0.5 + m.Float32()
	}
	return m.initializer(&onnxpb.Tensor{DataType: proto.Int32(int32(graph.Float)), FloatData: data}, sizes)
}

// ints returns an initializer of these numbers.
func (m *randomModel) ints(numbers ...int64) string {
	return m.initializer(&onnxpb.Tensor{DataType: proto.Int32(int32(graph.Int64)), Int64Data: numbers}, []int{len(numbers)})
}

func (m *randomModel) scalar(f float32) string {
	return m.initializer(&onnxpb.Tensor{DataType: proto.Int32(int32(graph.Float)), FloatData: []float32{f}}, nil)
}

func (m *randomModel) initializer(tensor *onnxpb.Tensor, sizes []int) string {
	m.weights++
	name := fmt.Sprintf("w%d", m.weights)
	tensor.Name = &name
	for _, size := range sizes {
		tensor.Dims = append(tensor.Dims, int64(size))
	}
	m.graph.Initializer = append(m.graph.Initializer, tensor)
	return name
}

func product(sizes []int) int {
	n := 1
	for _, size := range sizes {
		n *= size
	}
	return n
}

func (m *randomModel) pick(from ...int) int { return from[m.IntN(len(from))] }

// chance is true with this probability.
func (m *randomModel) chance(p float64) bool { return m.Float64() < p }

// window chooses strides and pads for a kernel of kh x kw, dilated by d. ok is false if the kernel does
// not fit the image.
func (m *randomModel) window(kh, kw, d int) (attributes []*onnxpb.Attribute, h, w int, ok bool) {
	sh := m.pick(1, 1, 1, 2)
	sw := m.pick(sh, sh, sh, 1)
	eh, ew := d*(kh-1), d*(kw-1) // a window reaches so many pixels further than one pixel
	var pads []int
	switch m.IntN(3) {
	case 0:
		pads = []int{0, 0, 0, 0}
	case 1:
		pads = []int{eh / 2, ew / 2, eh - eh/2, ew - ew/2}
	default:
		pads = []int{m.IntN(eh/2 + 1), m.IntN(ew/2 + 1), m.IntN(eh/2 + 1), m.IntN(ew/2 + 1)}
		if m.chance(0.1) {
			pads = []int{1, 1, 1, 1}
		}
	}
	h, w = m.h+pads[0]+pads[2]-eh-1, m.w+pads[1]+pads[3]-ew-1
	if h < 0 || w < 0 {
		return nil, 0, 0, false
	}
	attributes = []*onnxpb.Attribute{attribute("kernel_shape", []int{kh, kw}), attribute("strides", []int{sh, sw}), attribute("pads", pads)}
	if d > 1 {
		attributes = append(attributes, attribute("dilations", []int{d, d}))
	}
	return attributes, h/sh + 1, w/sw + 1, true
}

func (m *randomModel) conv() {
	kernels := [][2]int{{1, 1}, {1, 1}, {3, 3}, {3, 3}, {3, 3}, {5, 5}, {7, 7}, {1, 3}, {3, 1}, {2, 2}}
	k := kernels[m.IntN(len(kernels))]
	window, h, w, ok := m.window(k[0], k[1], m.pick(1, 1, 1, 2))
	if !ok {
		return
	}
	group, filters := 1, m.pick(8, 12, 16, 24, 27, 32, 48, 64)
	switch m.IntN(5) {
	case 0:
		group, filters = m.c, m.c*m.pick(1, 1, 2)
	case 1:
		if m.c%4 == 0 {
			group, filters = m.pick(2, 4), m.pick(8, 16, 32, 64)
		}
	}
	m.convolve(k, group, filters, m.chance(0.5), window...)
	m.h, m.w = h, w
}

// convolve appends a convolution that keeps the variance of its input.
func (m *randomModel) convolve(k [2]int, group, filters int, biased bool, window ...*onnxpb.Attribute) {
	fan := m.c / group * k[0] * k[1]
	inputs := []string{m.floats(0, math.Sqrt(2/float64(fan)), filters, m.c/group, k[0], k[1])}
	if biased {
		inputs = append(inputs, m.floats(0, 0.1, filters))
	}
	m.then("Conv", inputs, append(window, attribute("group", group))...)
	m.c = filters
}

// pointwise appends a 1x1 convolution with a bias.
func (m *randomModel) pointwise(filters int) { m.convolve([2]int{1, 1}, 1, filters, true) }

// same appends a 3x3 convolution that keeps height and width.
func (m *randomModel) same(group, filters int) {
	m.convolve([2]int{3, 3}, group, filters, m.chance(0.5), attribute("pads", []int{1, 1, 1, 1}))
}

func (m *randomModel) norm() {
	m.then("BatchNormalization", []string{m.positive(m.c), m.floats(0, 0.3, m.c), m.floats(0, 0.3, m.c), m.positive(m.c)})
}

func (m *randomModel) act() {
	x := m.x
	switch m.IntN(11) {
	case 0, 1, 2, 3:
		m.then("Relu", nil)
	case 4:
		m.then("Clip", []string{m.scalar(0), m.scalar(6)})
	case 5:
		m.then("LeakyRelu", nil, attribute("alpha", float32(0.1)))
	case 6:
		m.then("HardSwish", nil)
	case 7:
		m.x = m.node("Mul", []string{x, m.node("Sigmoid", []string{x})})
	case 8:
		m.then("PRelu", []string{m.positive(m.c, 1, 1)})
	case 9:
		m.then("Elu", nil)
	default:
		erf := m.node("Erf", []string{m.node("Div", []string{x, m.scalar(math.Sqrt2)})})
		m.x = m.node("Mul", []string{m.node("Mul", []string{x, m.node("Add", []string{erf, m.scalar(1)})}), m.scalar(0.5)})
	}
}

func (m *randomModel) convNormAct() {
	m.conv()
	if m.chance(0.7) {
		m.norm()
	}
	if m.chance(0.8) {
		m.act()
	}
}

func (m *randomModel) pool() {
	k := m.pick(2, 3)
	window, h, w, ok := m.window(k, k, 1)
	if !ok {
		return
	}
	if m.chance(0.2) { // as large as SAME_UPPER makes it, whatever the pads
		window = []*onnxpb.Attribute{attribute("kernel_shape", []int{k, k}), attribute("strides", []int{2, 2}), attribute("auto_pad", "SAME_UPPER")}
		h, w = (m.h+1)/2, (m.w+1)/2
	}
	if m.chance(0.5) {
		m.then("MaxPool", nil, window...)
	} else {
		m.then("AveragePool", nil, append(window, attribute("count_include_pad", m.IntN(2)))...)
	}
	m.h, m.w = h, w
}

func (m *randomModel) residual() {
	x, c := m.x, m.c
	if m.chance(0.5) {
		m.same(1, m.pick(c, 2*c))
		m.norm()
		m.act()
	}
	if m.chance(0.3) {
		m.same(m.c, m.c)
		m.norm()
		m.act()
	}
	m.pointwise(c)
	if m.chance(0.5) {
		m.norm()
	}
	inputs := []string{x, m.x}
	if m.chance(0.5) {
		slices.Reverse(inputs)
	}
	m.x = m.node("Add", inputs)
	if m.chance(0.5) {
		m.then("Relu", nil)
	}
}

// squeeze scales the channels as SENet does.
func (m *randomModel) squeeze() {
	x, c := m.x, m.c
	m.then("GlobalAveragePool", nil)
	m.pointwise(max(4, c/4))
	m.then("Relu", nil)
	m.pointwise(c)
	m.then([]string{"Sigmoid", "HardSigmoid"}[m.IntN(2)], nil)
	m.x = m.node("Mul", []string{x, m.x})
}

func (m *randomModel) branches() {
	x, c := m.x, m.c
	m.same(1, m.pick(8, 16, 20))
	if m.chance(0.5) {
		m.act()
	}
	left, width := m.x, m.c
	m.x, m.c = x, c
	if m.chance(0.5) {
		m.pointwise(m.pick(8, 16, 32))
		m.act()
	}
	m.then("Concat", []string{left}, attribute("axis", 1))
	m.c += width
}

// shuffle exchanges the channels of two groups as ShuffleNet does.
func (m *randomModel) shuffle() {
	if m.c%2 != 0 {
		return
	}
	half, h, w := int64(m.c/2), int64(m.h), int64(m.w)
	m.then("Reshape", []string{m.ints(0, 2, half, h, w)})
	m.then("Transpose", nil, attribute("perm", []int{0, 2, 1, 3, 4}))
	m.then("Reshape", []string{m.ints(0, 2*half, h, w)})
}

// rowNorm normalises the channels of each pixel, and multiplies them by a matrix, as ConvNeXt does.
func (m *randomModel) rowNorm() {
	m.then("Transpose", nil, attribute("perm", []int{0, 2, 3, 1}))
	m.then("LayerNormalization", []string{m.positive(m.c), m.floats(0, 0.3, m.c)}, attribute("axis", -1))
	if m.chance(0.5) {
		width := m.pick(16, 24, 32)
		m.then("MatMul", []string{m.floats(0, math.Sqrt(1/float64(m.c)), m.c, width)})
		m.then("Add", []string{m.floats(0, 0.1, width)})
		m.c = width
	}
	m.then("Transpose", nil, attribute("perm", []int{0, 3, 1, 2}))
}

func (m *randomModel) pad() {
	mode := []string{"constant", "reflect", "edge"}[m.IntN(3)]
	if m.h < 2 || m.w < 2 {
		mode = "constant"
	}
	m.then("Pad", []string{m.ints(0, 0, 1, 0, 0, 0, 1, 1)}, attribute("mode", mode))
	m.h, m.w = m.h+2, m.w+1
}

func (m *randomModel) affine() {
	m.then("Mul", []string{m.positive(1, m.c, 1, 1)})
	m.then("Add", []string{m.floats(0, 0.3, 1, m.c, 1, 1)})
}

func (m *randomModel) upsample() {
	if m.h*m.w > 64 {
		return
	}
	scales := m.initializer(&onnxpb.Tensor{DataType: proto.Int32(int32(graph.Float)), FloatData: []float32{1, 1, 2, 2}}, []int{4})
	m.then("Resize", []string{"", scales}, attribute("mode", "nearest"), attribute("coordinate_transformation_mode", "asymmetric"), attribute("nearest_mode", "floor"))
	m.h, m.w = 2*m.h, 2*m.w
}

// attention lets the pixels attend to each other, with one head.
func (m *randomModel) attention() {
	if m.h*m.w > 100 {
		return
	}
	x, c := m.x, m.c
	rows := m.node("Transpose", []string{m.node("Reshape", []string{x, m.ints(0, int64(c), -1)})}, attribute("perm", []int{0, 2, 1}))
	project := func() string { return m.node("MatMul", []string{rows, m.floats(0, math.Sqrt(1/float64(c)), c, c)}) }
	query, key, value := project(), m.node("Transpose", []string{project()}, attribute("perm", []int{0, 2, 1})), project()
	scores := m.node("Mul", []string{m.node("MatMul", []string{query, key}), m.scalar(float32(1 / math.Sqrt(float64(c))))})
	mixed := m.node("MatMul", []string{m.node("Softmax", []string{scores}, attribute("axis", -1)), value})
	back := m.node("Reshape", []string{m.node("Transpose", []string{mixed}, attribute("perm", []int{0, 2, 1})), m.ints(0, int64(c), int64(m.h), int64(m.w))})
	m.x = m.node("Add", []string{x, back})
}

// halves splits the channels, and changes one part of them.
func (m *randomModel) halves() {
	if m.c < 4 || m.c%2 != 0 {
		return
	}
	half := m.c / 2
	left := m.node("Slice", []string{m.x, m.ints(0), m.ints(int64(half)), m.ints(1)})
	m.then("Slice", []string{m.ints(int64(half)), m.ints(int64(m.c)), m.ints(1)})
	m.c = half
	m.same(1, m.pick(half, 16))
	m.act()
	m.x = m.node("Concat", []string{left, m.x}, attribute("axis", 1))
	m.c += half
}

func (m *randomModel) instanceNorm() {
	if m.h*m.w > 1 {
		m.then("InstanceNormalization", []string{m.positive(m.c), m.floats(0, 0.3, m.c)})
	}
}

// transposed doubles height and width by a transposed convolution.
func (m *randomModel) transposed() {
	if m.h*m.w > 64 {
		return
	}
	filters := m.pick(8, 16, 20)
	m.then("ConvTranspose", []string{m.floats(0, math.Sqrt(1/float64(m.c)), m.c, filters, 2, 2), m.floats(0, 0.1, filters)}, attribute("strides", []int{2, 2}))
	m.c, m.h, m.w = filters, 2*m.h, 2*m.w
}

func (m *randomModel) head() {
	switch m.IntN(4) {
	case 0:
		m.then("GlobalAveragePool", nil)
		m.then("Flatten", nil)
	case 1:
		m.then("GlobalMaxPool", nil)
		m.then("Reshape", []string{m.ints(0, -1)})
	case 2:
		m.then("ReduceMean", nil, attribute("axes", []int{2, 3}), attribute("keepdims", 0))
	default:
		m.then("Flatten", nil)
		m.c *= m.h * m.w
	}
	if m.chance(0.3) {
		m.dense(24)
		m.then("Relu", nil)
	}
	m.dense(randomClasses)
}

func (m *randomModel) dense(width int) {
	m.then("Gemm", []string{m.floats(0, math.Sqrt(1/float64(m.c)), width, m.c), m.floats(0, 0.1, width)}, attribute("transB", 1))
	m.c = width
}
