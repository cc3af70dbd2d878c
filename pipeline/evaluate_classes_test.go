package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"onnxlab/dataset"
	"onnxlab/dataset/evaluation"
	"onnxlab/onnxmodels"
)

// first finds the class whose number is the first byte of an image.
type first struct{ classes int }

func (f first) Predict(_ context.Context, images []uint8) (logits, probabilities []float32, err error) {
	logits = make([]float32, len(images)/3*f.classes)
	for i := range len(images) / 3 {
		logits[i*f.classes+int(images[3*i])] = 1
	}
	return logits, logits, nil
}

// seeing is a model of these classes for images of one pixel.
func seeing(classes ...string) *classifier {
	return &classifier{Predictor: first{len(classes)}, Form: onnxmodels.Form{Height: 1, Width: 1, Classes: classes}, Path: "m.onnx"}
}

// imagesOf are images that the model takes for the classes of these numbers, with labels.
func imagesOf(seen []uint8, labels []int32, classes ...string) *dataset.Set {
	s := &dataset.Set{Name: "folder", Classes: classes, Height: 1, Width: 1, Labels: labels}
	for i, n := range seen {
		s.Pixels = append(s.Pixels, n, 0, 0)
		s.Files = append(s.Files, fmt.Sprintf("%s/a, \"%d\".png", classes[labels[i]], i))
	}
	return s
}

// TestAdopt maps labels by the names of their classes, and tells it.
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
		set := imagesOf([]uint8{3, 0, 1}, []int32{0, 1, 1}, c.classes...)
		before := slices.Clone(set.Labels)
		var notes bytes.Buffer
		got, err := seeing("a", "b", "c", "d").adopt(set, &notes)
		if err != nil || !slices.Equal(got.Labels, c.want) || !slices.Equal(got.Classes, []string{"a", "b", "c", "d"}) || notes.String() != c.note {
			t.Errorf("%s: %+v, %v, notes %q", c.name, got, err, &notes)
		}
		if !slices.Equal(set.Labels, before) || !slices.Equal(set.Classes, c.classes) {
			t.Errorf("%s: the set itself was changed", c.name)
		}
	}
}

// TestAdoptRefuses what cannot be mapped.
func TestAdoptRefuses(t *testing.T) {
	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprintf("new %d", i)
	}
	unnamed := seeing("0", "1", "2")
	unnamed.Unnamed = true
	for want, c := range map[string]struct {
		model   *classifier
		classes []string
	}{
		`the model "m.onnx" does not know 1 of the 2 classes of "folder": "Cat" (it knows "cat", "dog")`: {seeing("cat", "dog"), []string{"Cat", "dog"}},
		`"new 10", "new 11" and 8 more (it knows "a", "b")`:                                              {seeing("a", "b"), many},
		`the model "m.onnx" calls two classes "a": labels cannot be mapped by names`:                     {seeing("a", "b", "a"), []string{"a", "b"}},
		`have 2 classes, the model "m.onnx" has 3, and no names to tell which these are`:                 {unnamed, []string{"0", "1"}},
	} {
		if _, err := c.model.adopt(imagesOf([]uint8{0}, []int32{0}, c.classes...), &bytes.Buffer{}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if set, err := unnamed.adopt(imagesOf([]uint8{0}, []int32{1}, "x", "y", "z"), &bytes.Buffer{}); err != nil || set.Classes[1] != "y" {
		t.Errorf("a model without names: %+v, %v", set, err)
	}
	wide := imagesOf([]uint8{0}, []int32{0}, "a", "b")
	wide.Width = 2
	if _, err := seeing("a", "b").adopt(wide, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "have 2x1 pixels") {
		t.Errorf("another size: %v", err)
	}
}

// TestPredictionsFile has a row for each image, by its file, of classes of the model.
func TestPredictionsFile(t *testing.T) {
	model := seeing("a", "b, c", "d")
	set, err := model.adopt(imagesOf([]uint8{2, 1, 0}, []int32{0, 1, 1}, "d", "b, c"), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := evaluation.Run(t.Context(), model, set)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	// The probability is e/(e + 2).
	want := `file,class,predicted,probability,correct
"b, c/a, ""1"".png","b, c","b, c",0.57611686,true
"b, c/a, ""2"".png","b, c",a,0.57611686,false
"d/a, ""0"".png",d,d,0.57611686,true
`
	if err := (evaluated{Report: report}).writePredictions(&got, set); err != nil || got.String() != want {
		t.Errorf("%s%v, want %s", &got, err, want)
	}
	got.Reset()
	set.Files = nil
	if err := (evaluated{Report: report}).writePredictions(&got, set); err != nil || !strings.HasPrefix(got.String(), "index,class,predicted,probability,correct\n0,d,d,") {
		t.Errorf("without files: %s%v", &got, err)
	}
}

// TestTopOf: five of more than ten classes, unless another number is asked for, of
// which the model has as many.
func TestTopOf(t *testing.T) {
	for _, c := range []struct{ asked, classes, want int }{
		{0, 2, 0}, {0, 10, 0}, {0, 11, 5}, {0, 100, 5}, {1, 2, 1}, {2, 2, 2}, {7, 100, 7}, {3, 2, -1},
	} {
		got, err := (&evaluateOptions{top: c.asked}).topOf(c.classes)
		if isAny[*usageError](err) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("--top %d of %d classes: %d, %v, want %d", c.asked, c.classes, got, err, c.want)
		}
	}
}
