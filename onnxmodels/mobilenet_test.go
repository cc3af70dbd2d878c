package onnxmodels

import (
	"strings"
	"testing"
)

// TestMobileNetCounts compares the number of trainable parameters with torchvision's
// mobilenet_v2, which testdata/networks/make.py prints.
func TestMobileNetCounts(t *testing.T) {
	for _, c := range []struct {
		form    string
		factor  float64
		classes int
		want    int
	}{
		{FormImageNet, 1, 1000, 3504872},
		{FormCIFAR, 1, 1000, 3504872}, // strides have no parameters
		{FormImageNet, 0.5, 1000, 1968680},
		{FormImageNet, 0.35, 1000, 1677128},
		{FormImageNet, 1.4, 1000, 6108776},
		{FormImageNet, 1, 10, 2236682},
	} {
		n, err := MobileNet(MobileNetOptions{Height: 64, Width: 64, Form: c.form, WidthFactor: c.factor, Classes: c.classes})
		if err != nil {
			t.Fatal(err)
		}
		if _, got := n.Count(); got != c.want {
			t.Errorf("%s of width %v has %d trainable parameters, want %d", c.form, c.factor, got, c.want)
		}
	}
}

func TestMobileNetRefuses(t *testing.T) {
	for want, o := range map[string]MobileNetOptions{
		`form "vgg" is neither`:     {Form: "vgg", Classes: 10},
		"1 classes, want":           {Classes: 1},
		"width factor -1 is":        {Classes: 10, WidthFactor: -1},
		"3 strides for 7 stages":    {Classes: 10, Strides: []int{1, 2, 2}},
		`activation "tanh" is none`: {Classes: 10, Activation: "tanh"},
		"rate -1 is outside 0..1":   {Classes: 10, Dropout: -1},
	} {
		o.Height, o.Width = 32, 32
		if _, err := MobileNet(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}

func TestCNNRefuses(t *testing.T) {
	for want, o := range map[string]CNNOptions{
		"2 strides for 1 stages":    {Strides: []int{1, 2}},
		"stride 0 is below 1":       {Strides: []int{0}},
		`activation "tanh" is none`: {Activation: "tanh"},
		"0 stages of 1":             {Widths: []int{}},
	} {
		o.Height, o.Width, o.Convolutions, o.Classes = 32, 32, 1, 2
		if o.Widths == nil {
			o.Widths = []int{4}
		}
		if _, err := CNN(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}
