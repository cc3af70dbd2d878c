package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"onnxlab/dataset"
	"onnxlab/dataset/evaluation"
	"onnxlab/onnxmodels"
	"onnxlab/pipeline/internal/cli"
)

// first predicts the class whose number is the first byte of an image.
type first struct{ classes int }

func (f first) Predict(_ context.Context, images []uint8) (logits, probabilities []float32, err error) {
	logits = make([]float32, len(images)/3*f.classes)
	for i := range len(images) / 3 {
		logits[i*f.classes+int(images[3*i])] = 1
	}
	return logits, logits, nil
}

// seeing returns a model with these classes for images of one pixel.
func seeing(classes ...string) *cli.Classifier {
	return &cli.Classifier{Predictor: first{len(classes)}, Signature: onnxmodels.Signature{Height: 1, Width: 1, Classes: classes}, Path: "m.onnx"}
}

// imagesOf returns images with labels. The model predicts the classes with the numbers predicted.
func imagesOf(predicted []uint8, labels []int32, classes ...string) *dataset.Set {
	s := &dataset.Set{Name: "folder", Classes: classes, Height: 1, Width: 1, Labels: labels}
	for i, n := range predicted {
		s.Pixels = append(s.Pixels, n, 0, 0)
		s.Files = append(s.Files, fmt.Sprintf("%s/a, \"%d\".png", classes[labels[i]], i))
	}
	return s
}

// TestPredictionsFile: the file has a row for each image, in the order of the files, with
// classes of the model.
func TestPredictionsFile(t *testing.T) {
	model := seeing("a", "b, c", "d")
	set, err := model.Adopt(imagesOf([]uint8{2, 1, 0}, []int32{0, 1, 1}, "d", "b, c"), &bytes.Buffer{})
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

// TestTopOf: the default is 5 if there are more than ten classes. --top may ask for another
// number, up to the number of classes.
func TestTopOf(t *testing.T) {
	for _, c := range []struct{ asked, classes, want int }{
		{0, 2, 0}, {0, 10, 0}, {0, 11, 5}, {0, 100, 5}, {1, 2, 1}, {2, 2, 2}, {7, 100, 7}, {3, 2, -1},
	} {
		got, err := (&evaluateOptions{top: c.asked}).topOf(c.classes)
		if cli.IsAny[*cli.UsageError](err) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("--top %d of %d classes: %d, %v, want %d", c.asked, c.classes, got, err, c.want)
		}
	}
}
