package session

import (
	"strings"
	"testing"

	"onnxlab/internal/npz"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/library/librarytest"
)

// networksOfPyTorch returns the networks of onnxmodels/testdata/networks by their names there.
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
	networks := map[string]*onnxmodels.Network{
		"mobilenet": mobile(t, side, onnxmodels.ActivationSiLU),
		"resnet-8":  resnet(onnxmodels.FormCIFAR, 8, 1./4),
		"resnet-18": resnet(onnxmodels.FormImageNet, 18, 1./16),
		"resnet-50": resnet(onnxmodels.FormImageNet, 50, 1./32),
	}
	for _, activation := range onnxmodels.Activations() {
		n, err := onnxmodels.CNN(onnxmodels.CNNOptions{
			Height: side, Width: side, Widths: []int{4, 6, 8}, Strides: []int{1, 2, 3}, Convolutions: 1, Classes: 10, Activation: activation,
		})
		if err != nil {
			t.Fatal(err)
		}
		networks["cnn "+activation] = n
	}
	return networks
}

// mobile returns a narrow MobileNetV2 with the given activation.
func mobile(t *testing.T, side int, activation string) *onnxmodels.Network {
	t.Helper()
	n, err := onnxmodels.MobileNet(onnxmodels.MobileNetOptions{Height: side, Width: side, WidthFactor: 1. / 8, Classes: 10, Activation: activation})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestNetworksAgreeWithPyTorch compares well-known networks with torchvision's, for each target:
// their outputs, and loss, gradients and running statistics of one step.
func TestNetworksAgreeWithPyTorch(t *testing.T) {
	all := reference(t, "networks/networks.npz")
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
		t.Run(name, func(t *testing.T) { compareLogits(t, n, a, "logits") })
		if _, more := a["relu6"]; more {
			t.Run(name+" with relu6", func(t *testing.T) { compareLogits(t, mobile(t, side, ""), a, "relu6") })
		}
		for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
			t.Run(name+" for "+target, func(t *testing.T) {
				batch := a["label"].Shape[0]
				o := onnxmodels.TrainingOptions{Momentum: 0.9, Target: target, Block: Block()}
				most := 1e-4
				if name == "mobilenet" {
					most = 3e-4 // because its 53 layers magnify rounding errors: testdata/networks/make.py
				}
				compareStepWithin(t, trainer(t, n, c, setup{o, batch, batch}), a, "", most)
			})
		}
	}
}

// compareLogits compares the logits of the exported network with the reference, with BatchNorm
// kept and folded.
func compareLogits(t *testing.T, n *onnxmodels.Network, a npz.Archive, key string) {
	t.Helper()
	librarytest.Open(t)
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
		if e := relativeRMS(float64s(logits), a[key].Float64()); !(e < 1e-5) {
			t.Errorf("BatchNorm kept %v: relative error %v of the logits", keep, e)
		}
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}
}
