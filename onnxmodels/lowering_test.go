package onnxmodels

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/lower/cpu"
	"onnxlab/onnxmodels/op"
)

// kinds lists how many nodes a training step has, in total and of each operator.
func kinds(t *testing.T, n *Network, target string, block int) string {
	t.Helper()
	o := TrainingOptions{Momentum: 0.9, Batch: 128, Target: target, Block: block}
	if target == TargetCPU {
		o.Target = TargetPortable
	}
	b, err := n.trainingGraph(o)
	if err != nil {
		t.Fatal(err)
	}
	if target == TargetCPU {
		cpu.On(b.Graph, block).Passes()
	}
	counts := map[string]int{}
	for _, node := range b.Nodes {
		if node.Domain == op.Marked {
			t.Errorf("%s %q is not lowered", node.Op, node.Name)
		}
		counts[kind(node.Domain, node.Op)]++
	}
	return listed(counts)
}

// inferenceKinds lists how many nodes the network's inference model has, in total and of each
// operator, in the form that sessions run.
func inferenceKinds(t *testing.T, n *Network, block int) string {
	t.Helper()
	m, err := n.Inference(n.Initialize(1), InferenceOptions{})
	if err == nil {
		m, err = Lowered(m, block)
	}
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, node := range m.GetGraph().GetNode() {
		counts[kind(node.GetDomain(), node.GetOpType())]++
	}
	return listed(counts)
}

// kind names an operator by the last part of its domain and its name.
func kind(domain, name string) string {
	if domain == "" {
		return name
	}
	return domain[strings.LastIndex(domain, ".")+1:] + "." + name
}

// listed lists counts of operators, the most frequent first, after their sum.
func listed(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	text, sum := "", 0
	for _, name := range names {
		text += fmt.Sprintf("\n%d %s", counts[name], name)
		sum += counts[name]
	}
	return fmt.Sprintf("%d nodes%s", sum, text)
}

// residual is a network with features that the study's network lacks: shortcuts, strides, a
// maximum pool and a pool whose windows overlap.
func residual(t *testing.T) *Network {
	t.Helper()
	conv := func(name string, filters, kernel, stride int) Layer {
		return Conv(name, ConvOptions{Filters: filters, Kernel: kernel, Stride: stride, NoBias: true})
	}
	norm := func(name string) Layer { return BatchNorm(name, BatchNormOptions{}) }
	n, err := NewNetwork(32, 32,
		conv("first", 32, 3, 1), norm("norm"), ReLU("relu"),
		MaxPool("max", PoolOptions{Size: 3, Stride: 2, Same: true}),
		Residual("same", nil, conv("conv1", 32, 3, 1), norm("norm1"), ReLU("relu1"), conv("conv2", 32, 3, 1), norm("norm2")),
		Residual("half", Sequential(conv("shortcut", 64, 1, 2), norm("norm3")),
			conv("conv1", 64, 3, 2), norm("norm1"), ReLU("relu1"), conv("conv2", 64, 3, 1), norm("norm2")),
		ReLU("last"), AveragePool("average", PoolOptions{Size: 3, Stride: 2}), GlobalAveragePool("pool"), Dense("dense", 10))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// outside is a network as a given model that trains.
func outside(t *testing.T, n *Network) *Network {
	t.Helper()
	m, err := n.Inference(n.Initialize(1), InferenceOptions{Input: InputFloat32NCHW, KeepBatchNorm: true})
	if err != nil {
		t.Fatal(err)
	}
	read, err := importer.Read(m, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	given, err := Given(read, GivenOptions{Normalization: &Normalization{}, BatchNorm: BatchNormTrain})
	if err != nil {
		t.Fatal(err)
	}
	return given
}

// narrowMobile is a network with depthwise convolutions and bounded ReLUs.
func narrowMobile(t *testing.T) *Network {
	t.Helper()
	n, err := MobileNet(MobileNetOptions{Height: 32, Width: 32, Form: FormCIFAR, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var update = flag.Bool("update", false, "write testdata/lowering.txt anew")

// TestLowering counts the nodes of each kind in the training steps and inference models of each
// target, so that an operator that is no longer fused or replaced does not go unnoticed.
func TestLowering(t *testing.T) {
	study, err := CNN(CNNOptions{Height: 32, Width: 32, Widths: []int{64, 128, 256}, Convolutions: 3, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, network := range []struct {
		name string
		*Network
	}{{"study", study}, {"residual", residual(t)}, {"given residual", outside(t, residual(t))}, {"given mobile", outside(t, narrowMobile(t))}} {
		// The blocked forms are those of 16 channels, on every processor.
		for _, target := range []string{TargetPortable, TargetCPU, TargetNative, TargetCUDA} {
			got += fmt.Sprintf("%s for %s: %s\n\n", network.name, target, kinds(t, network.Network, target, 16))
		}
		// ONNX Runtime has no operators on blocks of 4 channels, which NEON has.
		arm := kinds(t, network.Network, TargetNative, 4)
		if strings.Contains(arm, "nchwc") {
			t.Errorf("%s for %s has operators that no processor with blocks of 4 channels has", network.name, TargetNative)
		}
		got += fmt.Sprintf("%s for %s in blocks of 4: %s\n\n", network.name, TargetNative, arm)
	}
	got += fmt.Sprintf("residual for inference: %s\n\n", inferenceKinds(t, residual(t), 16))
	const golden = "testdata/lowering.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	wanted := strings.Split(string(want), "\n\n")
	for i, step := range strings.Split(got, "\n\n") {
		if i >= len(wanted) || step != wanted[i] {
			t.Errorf("got\n%s\nwant\n%s\n(if that is right, go test ./onnxmodels -run TestLowering -update)", step, wanted[min(i, len(wanted)-1)])
		}
	}
}
