package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"onnxlab/dataset"
	"onnxlab/onnxmodels"
)

// seeing returns a model with these classes for images of one pixel.
func seeing(classes ...string) *Classifier {
	return &Classifier{Signature: onnxmodels.Signature{Height: 1, Width: 1, Classes: classes}, Path: "m.onnx"}
}

// imagesOf returns black images of one pixel with these labels.
func imagesOf(labels []int32, classes ...string) *dataset.Set {
	return &dataset.Set{Name: "folder", Classes: classes, Height: 1, Width: 1, Labels: labels, Pixels: make([]uint8, 3*len(labels))}
}

// TestAdopt maps labels by the names of their classes, and checks the notes about it.
func TestAdopt(t *testing.T) {
	const some = "note: the images have 2 of the 4 classes that the model has: labels are mapped by their names\n"
	const order = "note: the images have the classes of the model in another order: labels are mapped by their names\n"
	for _, c := range []struct {
		name    string
		classes []string
		want    []int32
		note    string
	}{
		{"the same", []string{"a", "b", "c", "d"}, []int32{0, 1, 1}, ""},
		{"another order", []string{"d", "b", "c", "a"}, []int32{3, 1, 1}, order},
		{"some", []string{"b", "c"}, []int32{1, 2, 2}, some},
		{"some in another order", []string{"d", "a"}, []int32{3, 0, 0}, some},
	} {
		set := imagesOf([]int32{0, 1, 1}, c.classes...)
		before := slices.Clone(set.Labels)
		var notes bytes.Buffer
		got, err := seeing("a", "b", "c", "d").Adopt(set, &notes)
		if err != nil || !slices.Equal(got.Labels, c.want) || !slices.Equal(got.Classes, []string{"a", "b", "c", "d"}) || notes.String() != c.note {
			t.Errorf("%s: %+v, %v, notes %q", c.name, got, err, &notes)
		}
		if !slices.Equal(set.Labels, before) || !slices.Equal(set.Classes, c.classes) {
			t.Errorf("%s: the set itself was changed", c.name)
		}
	}
}

// TestAdoptRefuses tries images that the model cannot classify.
func TestAdoptRefuses(t *testing.T) {
	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprintf("new %d", i)
	}
	unnamed := seeing("0", "1", "2")
	unnamed.Unnamed = true
	for want, c := range map[string]struct {
		model   *Classifier
		classes []string
	}{
		`the model "m.onnx" does not know 1 of the 2 classes of "folder": "Cat" (it knows "cat", "dog")`:      {seeing("cat", "dog"), []string{"Cat", "dog"}},
		`"new 10", "new 11" and 8 more (it knows "a", "b")`:                                                   {seeing("a", "b"), many},
		`the model "m.onnx" has two classes named "a": labels cannot be mapped by names`:                      {seeing("a", "b", "a"), []string{"a", "b"}},
		`have 2 classes, but the model "m.onnx" has 3 classes without names, so that labels cannot be mapped`: {unnamed, []string{"0", "1"}},
	} {
		if _, err := c.model.Adopt(imagesOf([]int32{0}, c.classes...), &bytes.Buffer{}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if set, err := unnamed.Adopt(imagesOf([]int32{1}, "x", "y", "z"), &bytes.Buffer{}); err != nil || set.Classes[1] != "y" {
		t.Errorf("a model without names: %+v, %v", set, err)
	}
	wide := imagesOf([]int32{0}, "a", "b")
	wide.Width = 2
	if _, err := seeing("a", "b").Adopt(wide, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "have 2x1 pixels") {
		t.Errorf("another size: %v", err)
	}
}
