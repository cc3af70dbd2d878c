package onnxmodels

import (
	"strings"
	"testing"
)

// TestResNetCounts compares the number of trainable parameters with torchvision's networks, and
// those of FormCIFAR with the paper's (0.27 M, 0.46 M, 0.66 M, 0.85 M and 1.7 M in its table 6).
// testdata/networks/make.py prints the same numbers.
func TestResNetCounts(t *testing.T) {
	for _, c := range []struct {
		form                 string
		depth, classes, want int
	}{
		{FormCIFAR, 20, 10, 269722},
		{FormCIFAR, 32, 10, 464154},
		{FormCIFAR, 44, 10, 658586},
		{FormCIFAR, 56, 10, 853018},
		{FormCIFAR, 110, 10, 1727962},
		{FormImageNet, 18, 1000, 11689512},
		{FormImageNet, 34, 1000, 21797672},
		{FormImageNet, 50, 1000, 25557032},
		{FormImageNet, 101, 1000, 44549160},
		{FormImageNet, 152, 1000, 60192808},
	} {
		n, err := ResNet(ResNetOptions{Height: 64, Width: 64, Form: c.form, Depth: c.depth, Classes: c.classes})
		if err != nil {
			t.Fatal(err)
		}
		if _, got := n.Count(); got != c.want {
			t.Errorf("%s %d has %d trainable parameters, want %d", c.form, c.depth, got, c.want)
		}
	}
}

func TestResNetRefuses(t *testing.T) {
	for want, o := range map[string]ResNetOptions{
		"depth 18 is not 6n+2":      {Depth: 18, Classes: 10},
		"depth 2 is not 6n+2":       {Depth: 2, Classes: 10},
		"depth 6008 is not 6n+2":    {Depth: 6008, Classes: 10},
		"depth 20 is none of":       {Form: FormImageNet, Depth: 20, Classes: 10},
		`form "vgg" is neither`:     {Form: "vgg", Depth: 20, Classes: 10},
		"1 classes, want":           {Depth: 20, Classes: 1},
		"width factor -1 is":        {Depth: 20, Classes: 10, WidthFactor: -1},
		"width factor 65 is":        {Depth: 20, Classes: 10, WidthFactor: 65},
		"2 strides for 3 stages":    {Depth: 20, Classes: 10, Strides: []int{1, 2}},
		"stride 0 is below 1":       {Depth: 20, Classes: 10, Strides: []int{1, 2, 0}},
		`activation "tanh" is none`: {Depth: 20, Classes: 10, Activation: "tanh"},
		"rate 1 is outside 0..1":    {Depth: 20, Classes: 10, Dropout: 1},
		"images of 0x32 pixels are": {Depth: 20, Classes: 10},
	} {
		if !strings.Contains(want, "0x32") {
			o.Height = 32
		}
		o.Width = 32
		if _, err := ResNet(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}
