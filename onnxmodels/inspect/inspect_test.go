package inspect

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
)

func network(t *testing.T, o onnxmodels.CNNOptions) *onnxmodels.Network {
	t.Helper()
	n, err := onnxmodels.CNN(o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func study(t *testing.T) *onnxmodels.Network {
	return network(t, onnxmodels.CNNOptions{Height: 32, Width: 32, Widths: []int{64, 128, 256}, Convolutions: 3, Classes: 10})
}

// small has one convolution: 4x6 images, 3 channels to 2, and 2 to 5 classes.
func small(t *testing.T) *onnxmodels.Network {
	return network(t, onnxmodels.CNNOptions{Height: 4, Width: 6, Widths: []int{2}, Convolutions: 1, Classes: 5})
}

func inference(t *testing.T, n *onnxmodels.Network, c *checkpoint.Checkpoint, o onnxmodels.InferenceOptions) *onnxpb.Model {
	t.Helper()
	m, err := n.Inference(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The multiply-adds of the study's network: those of the 3x3 convolutions, layer by layer,
// and of the dense layer.
const studyMultiplyAdds = 32*32*9*(3*64+64*64+64*64) + 16*16*9*(64*128+128*128+128*128) + 8*8*9*(128*256+256*256+256*256) + 256*10

// TestParameterTypes checks that a parameter is described in the same way whether it is an
// input or an initializer.
func TestParameterTypes(t *testing.T) {
	n := small(t)
	a, err := n.Artifacts(onnxmodels.TrainingOptions{})
	if err != nil {
		t.Fatal(err)
	}
	inputs := Model(a.Training).Parameters
	initializers := Model(inference(t, n, n.Initialize(1), onnxmodels.InferenceOptions{KeepBatchNorm: true})).Parameters
	if !slices.Equal(inputs, initializers) || inputs[0].Type != "float32[2, 3, 3, 3]" {
		t.Errorf("inputs %v, initializers %v", inputs, initializers)
	}
}

// TestStudy counts the study's network: 1,927,946 parameters and 266 million
// multiply-adds, in the inference model with BatchNorm and in training models.
func TestStudy(t *testing.T) {
	if math.Abs(studyMultiplyAdds-266e6) > 1e6 {
		t.Fatalf("%d multiply-adds", studyMultiplyAdds)
	}
	n := study(t)
	r := Model(inference(t, n, n.Initialize(1), onnxmodels.InferenceOptions{KeepBatchNorm: true}))
	if r.Elements != 1927946 || r.Trainable != 0 || r.Forward.MultiplyAdds != studyMultiplyAdds || r.Forward.Unknown != 0 || r.Backward.Nodes != 0 {
		t.Errorf("inference: %d parameters, %d trainable, forward %+v, backward %+v", r.Elements, r.Trainable, r.Forward, r.Backward)
	}
	for _, o := range []onnxmodels.TrainingOptions{
		{Momentum: 0.9},
		{Momentum: 0.9, GhostBatches: 4},
		{Momentum: 0.9, Target: onnxmodels.TargetCPU},
		{Momentum: 0.9, Target: onnxmodels.TargetCPU, Batch: 16},
	} {
		a, err := n.Artifacts(o)
		if err != nil {
			t.Fatal(err)
		}
		r := Model(a.Training)
		if r.Elements != 1927946 || r.Trainable != 1925258 || r.Forward.Unknown != 0 || r.Backward.Unknown != 0 {
			t.Errorf("%+v: %d parameters, %d trainable, forward %+v, backward %+v", o, r.Elements, r.Trainable, r.Forward, r.Backward)
		}
		if o.Batch == 0 && r.Forward.MultiplyAdds != studyMultiplyAdds {
			t.Errorf("%+v: %d multiply-adds forward, want %d", o, r.Forward.MultiplyAdds, studyMultiplyAdds)
		}
		// Each layer once by its input and once by its weight, but the first by
		// its weight alone.
		if want := int64(2*studyMultiplyAdds - 32*32*9*3*64); o.Target == "" && r.Backward.MultiplyAdds != want {
			t.Errorf("%+v: %d multiply-adds backward, want %d", o, r.Backward.MultiplyAdds, want)
		}
		parameters := 0
		for _, node := range r.Nodes {
			parameters += node.Parameters
		}
		if parameters != r.Elements {
			t.Errorf("%+v: the nodes take %d parameters of %d", o, parameters, r.Elements)
		}
		if r := Model(a.Eval); r.Elements != 1927946 || r.Forward.MultiplyAdds != studyMultiplyAdds {
			t.Errorf("%+v: evaluation model of %d parameters, %+v", o, r.Elements, r.Forward)
		}
		Model(a.Optimizer) // has sequences
	}
}

// TestNode looks at one node.
func TestNode(t *testing.T) {
	n := small(t)
	r := Model(inference(t, n, n.Initialize(1), onnxmodels.InferenceOptions{KeepBatchNorm: true}))
	for _, node := range r.Nodes {
		if node.Name != "stage1.conv1" {
			continue
		}
		if node.Operator != "Conv" || node.Part != PartForward || node.Type != "float32[batch, 2, 4, 6]" ||
			node.Parameters != 2*3*9+2 || *node.Cost != (Cost{MultiplyAdds: 4 * 6 * 2 * 27, Bytes: 4 * 2 * 4 * 6}) {
			t.Errorf("%+v, cost %+v", node, *node.Cost)
		}
		return
	}
	t.Errorf("there is no node stage1.conv1 in %+v", r.Nodes)
}

// TestUnknownShape describes a model without declared shapes of intermediate values.
func TestUnknownShape(t *testing.T) {
	n := small(t)
	m := inference(t, n, n.Initialize(1), onnxmodels.InferenceOptions{})
	m.Graph.ValueInfo = nil
	r := Model(m)
	// Only the last two nodes compute outputs of the graph, whose shapes are declared. The
	// cost of Gemm needs the shape of its input too.
	if r.Forward.Unknown != r.Forward.Nodes-1 || r.Nodes[0].Type != "?" || r.Nodes[0].Cost != nil {
		t.Errorf("forward %+v, first node %+v", r.Forward, r.Nodes[0])
	}
	var b bytes.Buffer
	if err := r.WriteTable(&b); err != nil || !strings.Contains(b.String(), "of unknown shape") {
		t.Errorf("error %v, table\n%s", err, b.String())
	}
}

// TestPictures draws a training model: a box for each node, and well-formed XML.
func TestPictures(t *testing.T) {
	a, err := small(t).Artifacts(onnxmodels.TrainingOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a.Training.Graph.Node[0].Name = proto.String(`a<b>&"c"`)
	r := Model(a.Training)
	var svg, dot bytes.Buffer
	if err := r.WriteSVG(&svg); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteDOT(&dot); err != nil {
		t.Fatal(err)
	}
	rects, arrows, texts := 0, 0, ""
	decoder := xml.NewDecoder(&svg)
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			if x.Name.Local == "rect" {
				rects++
			}
			if slices.ContainsFunc(x.Attr, func(a xml.Attr) bool { return a.Name.Local == "marker-end" }) {
				arrows++
			}
		case xml.CharData:
			texts += string(x)
		}
	}
	boxes := len(r.Inputs) + len(r.Nodes) + len(r.Outputs)
	if arrows != len(r.drawing().edges) {
		t.Errorf("%d arrows for %d edges", arrows, len(r.drawing().edges))
	}
	if rects != boxes+1 || !strings.Contains(texts, `a<b>&"c"`) || !strings.Contains(texts, "ConvGrad") {
		t.Errorf("%d rectangles for %d boxes and the background", rects, boxes)
	}
	if got := strings.Count(dot.String(), "[label="); got != boxes {
		t.Errorf("%d nodes in DOT, want %d", got, boxes)
	}
	if !strings.Contains(dot.String(), `a<b>&\"c\"`) || strings.Count(dot.String(), " -> ") < len(r.Nodes) {
		t.Errorf("DOT\n%s", dot.String())
	}
}

// TestArrowsKeepApart checks that no two nodes share a part of a lane, and that no two arrows
// arrive at the same point.
func TestArrowsKeepApart(t *testing.T) {
	a, err := small(t).Artifacts(onnxmodels.TrainingOptions{})
	if err != nil {
		t.Fatal(err)
	}
	routes, lanes := Model(a.Training).drawing().routes()
	taken, arrived := map[[2]int]int{}, map[[2]int]bool{}
	for _, r := range routes {
		if r.toNeighbour() {
			continue
		}
		if r.lane >= lanes || r.port <= 0 || r.port >= outPort || arrived[[2]int{r.to, r.port}] {
			t.Errorf("%+v of %d lanes, at a place that is taken: %v", r, lanes, arrived[[2]int{r.to, r.port}])
		}
		arrived[[2]int{r.to, r.port}] = true
		for i := r.from; i <= r.to; i++ {
			if other, ok := taken[[2]int{r.lane, i}]; ok && other != r.from {
				t.Fatalf("the arrows of %d and %d are both in lane %d beside %d", other, r.from, r.lane, i)
			}
			taken[[2]int{r.lane, i}] = r.from
		}
	}
	if lanes < 2 || lanes > len(routes)/2 {
		t.Errorf("%d lanes for %d arrows", lanes, len(routes))
	}
}

// TestShortened checks that a text which is too long keeps its ends.
func TestShortened(t *testing.T) {
	if got := shortened("begin" + strings.Repeat("ü", 1000) + "end"); len([]rune(got)) != mostText || !strings.HasPrefix(got, "begin") || !strings.HasSuffix(got, "end") {
		t.Errorf("got %q", got)
	}
}

// TestDiff changes one thing after the other.
func TestDiff(t *testing.T) {
	n := small(t)
	state := n.Initialize(1)
	o := onnxmodels.InferenceOptions{KeepBatchNorm: true, Classes: []string{"a", "b", "c", "d", "e"}}
	first := ModelSubject(inference(t, n, state, o))
	if d := Diff(first, ModelSubject(inference(t, n, state, o))); !d.Equal || d.Same == 0 {
		t.Errorf("of the same model: %+v", d)
	}
	state.Parameter("dense.bias").Data[2] = 3 // of 5 zeros
	state.Parameter("stage1.norm1.running_mean").Data[1] = float32(math.NaN())
	o.Classes = nil
	d := Diff(first, ModelSubject(inference(t, n, state, o)))
	if d.Equal || len(d.Structure) != 0 || len(d.Tensors) != 2 {
		t.Fatalf("%+v", d)
	}
	if got := d.Tensors[0]; got.Name != "dense.bias" || got.MaxAbs != 3 || got.RelativeRMS != 1 || !got.Compared {
		t.Errorf("bias: %+v", got)
	}
	if got := d.Tensors[1]; got.NotFinite != 1 || got.MaxAbs != 0 {
		t.Errorf("running mean: %+v", got)
	}
	if want := (ItemDifference{Name: "classes", How: OnlyFirst}); len(d.Metadata) != 1 || d.Metadata[0] != want {
		t.Errorf("metadata %+v, want %+v", d.Metadata, want)
	}
	folded := Diff(first, ModelSubject(inference(t, n, n.Initialize(1), onnxmodels.InferenceOptions{Classes: []string{"a", "b", "c", "d", "e"}})))
	var b bytes.Buffer
	if err := folded.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "node stage1.norm1") || !strings.Contains(b.String(), OnlyFirst) {
		t.Errorf("folded and not:\n%s", b.String())
	}
}

// TestDiffCheckpoints compares tensors with known differences, and a model with a
// checkpoint.
func TestDiffCheckpoints(t *testing.T) {
	make := func(step int64, data ...float32) Subject {
		return CheckpointSubject(&checkpoint.Checkpoint{
			Trainable: []checkpoint.Tensor{{Name: "w", Shape: []int{len(data)}, Data: data}},
			Optimizer: &checkpoint.Optimizer{Step: step},
		})
	}
	d := Diff(make(1, 3, 4, 0), make(2, 3, 4, 12))
	if got := d.Tensors[0]; got.MaxAbs != 12 || math.Abs(got.RelativeRMS-12./13) > 1e-12 {
		t.Errorf("%+v, want 12 and 12/13", got)
	}
	if want := (ItemDifference{"optimizer step", Differs, "1", "2"}); len(d.Metadata) != 1 || d.Metadata[0] != want {
		t.Errorf("%+v, want %+v", d.Metadata, want)
	}
	if d := Diff(make(1, 1), make(1, 1, 2)); d.Tensors[0].Compared || d.Tensors[0].First != "float32[1]" || d.Tensors[0].Second != "float32[2]" {
		t.Errorf("of two shapes: %+v", d.Tensors[0])
	}
	n := small(t)
	state := n.Initialize(1)
	mixed := Diff(CheckpointSubject(state), ModelSubject(inference(t, n, state, onnxmodels.InferenceOptions{KeepBatchNorm: true})))
	if want := len(n.Parameters()); mixed.Same != want || len(mixed.Structure) != 0 || len(mixed.Metadata) != 0 {
		t.Errorf("of a checkpoint and its model, %d tensors are the same, want %d: %+v", mixed.Same, want, mixed)
	}
}
