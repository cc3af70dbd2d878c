package measure

import (
	"os"
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/ort/library/librarytest"
	"onnxlab/ort/profile"
	"onnxlab/trainloop"
)

// TestProfile checks the contents of the profile of a small network with two micro-batches
// per step.
func TestProfile(t *testing.T) {
	librarytest.Open(t)
	e, err := configs.Load("", []string{"model.widths=4,8", "model.convolutions=1", "train.batch_size=8", "train.replicas=2", "runtime.threads=1"})
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Profile(t.Context(), *e, 8, 8, 2, onnxmodels.TargetPortable)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := os.Getwd(); err != nil || after != before {
		t.Errorf("the working folder became %q, %v", after, err)
	}
	if value, set := os.LookupEnv("ORT_LOAD_CONFIG_FROM_MODEL"); set {
		t.Errorf("ORT_LOAD_CONFIG_FROM_MODEL stays %q", value)
	}
	operators := map[string]Share{}
	sum := 0.0
	for _, s := range p.Operators {
		operators[s.Name] = s
		sum += s.Seconds()
	}
	// One gradient for the weight and bias of 2 convolutions, 2 norms and the
	// dense layer, and two running statistics for each norm.
	if got := operators["InPlaceAccumulatorV2"]; got.Nodes != 14 || !(got.Backward > 0 && got.Forward > 0) {
		t.Errorf("accumulators: %+v, want 14 in both passes", got)
	}
	if got := operators["Conv"]; got.Nodes != 2 || !(got.Forward > 0) {
		t.Errorf("convolutions: %+v, want 2, forward", got)
	}
	if got := operators["ConvGrad"]; got.Nodes == 0 || got.Forward != 0 || !(got.Backward > 0) {
		t.Errorf("gradients of convolutions: %+v, want them in the backward pass", got)
	}
	if !slices.ContainsFunc(p.Layers, func(s Share) bool { return s.Name == "stage2.conv1" && s.Forward > 0 && s.Backward > 0 }) {
		t.Errorf("layers: %+v, want stage2.conv1 in both passes", p.Layers)
	}
	layers := 0.0
	for _, s := range p.Layers {
		layers += s.Seconds()
	}
	if !(p.GraphSeconds > 0 && p.SecondsPerStep > 0) || !(layers > 0.999*sum && layers < 1.001*sum) {
		t.Errorf("graph %v s, step %v s, operators %v s, layers %v s", p.GraphSeconds, p.SecondsPerStep, sum, layers)
	}
}

// TestProfileFeeds checks that each input of a step gets values, except for the gradients,
// which start at 0.
func TestProfileFeeds(t *testing.T) {
	e := configs.Default()
	e.Runtime.Precision = configs.MixedFloat16
	n, err := trainloop.Network(e, 8, 8)
	if err != nil {
		t.Fatal(err)
	}
	a, err := trainloop.Artifacts(n, e, 1, onnxmodels.TargetCUDA)
	if err != nil {
		t.Fatal(err)
	}
	feeds := profileFeeds(e, n)
	for _, input := range a.Training.GetGraph().GetInput() {
		name := input.GetName()
		if _, fed := feeds[name]; fed == strings.HasSuffix(name, artifact.GradientBufferSuffix) {
			t.Errorf("%s is fed: %v", name, fed)
		}
	}
}

func TestShares(t *testing.T) {
	nodes := []profile.Node{
		{Name: "stage1.conv2", Operator: "Conv", Seconds: 1},
		{Name: "backward/stage1.conv2.turned", Operator: "Slice", Seconds: 2},
		{Name: "backward/pool1.scaled", Operator: "Mul", Seconds: 8},
		{Name: "ReorderInput_token_3", Operator: "ReorderInput", Seconds: 0.5},
	}
	got := shares(nodes, 2, layerOf)
	want := []Share{{"pool1", 1, 0, 16}, {"stage1.conv2", 2, 2, 4}, {inserted, 1, 1, 0}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
