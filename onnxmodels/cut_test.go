package onnxmodels

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// smallGiven is the network of a small classifier (importer/testdata/make.py): stem, norm,
// depthwise, then skip beside project and norm2, then head, for images of 12x12 pixels.
func smallGiven(t *testing.T, form string, o GivenOptions) *Network {
	t.Helper()
	file, err := modelfile.ReadFile(filepath.Join("importer", "testdata", "small_"+form+".onnx"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := importer.Read(file.Model, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := Given(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCut: the cut is at the last values that training does not change.
func TestCut(t *testing.T) {
	const plane = 6 * 6 // behind depthwise, whose stride is 2
	for _, c := range []struct {
		train     []string
		batchNorm string
		features  int
		upper     []string
	}{
		{[]string{"head.*"}, BatchNormAuto, 8, []string{"head.weight", "head.bias"}},
		// The sum of skip and norm2 has two sides.
		{[]string{"norm2.*"}, BatchNormAuto, 8*plane + 8*plane, []string{"head.weight", "head.bias", "norm2.weight", "norm2.bias", "norm2.running_mean", "norm2.running_var"}},
		// A normalisation by the batch is above the cut though it is frozen.
		{[]string{"head.*"}, BatchNormTrain, 8 * 12 * 12, nil},
	} {
		cut, err := smallGiven(t, "training", GivenOptions{Train: c.train, BatchNorm: c.batchNorm}).Cut()
		if err != nil {
			t.Fatal(err)
		}
		if got := cut.Upper.Features(); got != c.features {
			t.Errorf("%v, %s: %d features, want %d", c.train, c.batchNorm, got, c.features)
		}
		var names []string
		for _, p := range cut.Upper.Parameters() {
			names = append(names, p.Name)
		}
		slices.Sort(names)
		slices.Sort(c.upper)
		if c.upper != nil && !slices.Equal(names, c.upper) {
			t.Errorf("%v: the upper part has %v, want %v", c.train, names, c.upper)
		}
		if h, w := cut.Upper.Size(); h != 12 || w != 12 || cut.Upper.Classes() != 5 {
			t.Errorf("the upper part is for %dx%d pixels and %d classes", h, w, cut.Upper.Classes())
		}
	}
}

func TestCutRefuses(t *testing.T) {
	n := smallGiven(t, "training", GivenOptions{})
	if _, err := n.Cut(); err == nil || !strings.Contains(err.Error(), "its first layers are trained") {
		t.Errorf("all trained: %v", err)
	}
	own, err := CNN(CNNOptions{Height: 8, Width: 8, Widths: []int{2}, Convolutions: 1, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.Cut(); err == nil || !strings.Contains(err.Error(), "only a given model") {
		t.Errorf("a network of our own: %v", err)
	}
}
