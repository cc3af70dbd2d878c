package session

import (
	"math"
	"strings"
	"testing"

	"onnxlab/internal/npz"
	"onnxlab/internal/ortlib/ortlibtest"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/modelfile"
)

// networksOfPyTorch are those of onnxmodels/testdata/networks.npz, by their names there.
func networksOfPyTorch(t *testing.T, side int) map[string]*onnxmodels.Network {
	t.Helper()
	resnet := func(form string, depth int, factor float64) *onnxmodels.Network {
		n, err := onnxmodels.ResNet(onnxmodels.ResNetOptions{
			Height: side, Width: side, Form: form, Depth: depth, WidthFactor: factor, Classes: 10,
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return map[string]*onnxmodels.Network{
		"resnet-8":  resnet(onnxmodels.FormCIFAR, 8, 1./4),
		"resnet-18": resnet(onnxmodels.FormImageNet, 18, 1./16),
		"resnet-50": resnet(onnxmodels.FormImageNet, 50, 1./32),
	}
}

// TestNetworksAgreeWithPyTorch compares the outputs of networks of the literature, and loss,
// gradients and running statistics of one step, with torchvision's, in each target's form.
func TestNetworksAgreeWithPyTorch(t *testing.T) {
	all := reference(t, "networks.npz")
	side := all["resnet-8/image"].Shape[1]
	networks := networksOfPyTorch(t, side)
	for key := range all {
		if name, _, _ := strings.Cut(key, "/"); networks[name] == nil {
			t.Fatalf("network %q is not tested", name)
		}
	}
	for name, n := range networks {
		a := npz.Archive{}
		for key, array := range all {
			if rest, ours := strings.CutPrefix(key, name+"/"); ours {
				a[rest] = array
			}
		}
		c := parametersOf(n, a, "param/")
		t.Run(name, func(t *testing.T) { compareLogits(t, n, a) })
		for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
			t.Run(name+" for "+target, func(t *testing.T) {
				batch := a["label"].Shape[0]
				o := onnxmodels.TrainingOptions{Momentum: 0.9, Target: target, Block: Block()}
				compareStep(t, trainer(t, n, c, setup{o, batch, batch}), a, "")
			})
		}
	}
}

// compareLogits compares the outputs of the exported network, with BatchNorm kept and folded.
func compareLogits(t *testing.T, n *onnxmodels.Network, a npz.Archive) {
	t.Helper()
	ortlibtest.Open(t)
	for _, keep := range []bool{true, false} {
		m, err := n.Inference(parametersOf(n, a, "param/"), onnxmodels.InferenceOptions{KeepBatchNorm: keep})
		if err != nil {
			t.Fatal(err)
		}
		data, err := modelfile.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		session, err := NewModel(data, Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		logits, _, err := session.Predict(t.Context(), a["image"].Uint8())
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range a["logits"].Float64() {
			if !(math.Abs(float64(logits[i])-want) < 1e-4) {
				t.Errorf("BatchNorm kept %v: logit %d is %v, PyTorch's %v", keep, i, logits[i], want)
			}
		}
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}
}
