package evaluation

import (
	"context"
	"errors"
	"math"
	"reflect"
	"testing"

	"onnxlab/dataset"
)

// table returns the first row of logits for the first image, and so on.
type table struct {
	logits  []float32
	classes int
	size    int // of an image in bytes
	at      int
}

func (t *table) Predict(_ context.Context, images []uint8) (logits, probabilities []float32, err error) {
	n := len(images) / t.size * t.classes
	logits = t.logits[t.at : t.at+n]
	t.at += n
	return logits, nil, nil
}

// ln returns logits whose softmax is these probabilities.
func ln(probabilities ...float64) []float32 {
	logits := make([]float32, len(probabilities))
	for i, p := range probabilities {
		logits[i] = float32(math.Log(p)) + 3 // an offset does not change the softmax
	}
	return logits
}

func threeClasses(labels ...int32) *dataset.Set {
	return &dataset.Set{
		Classes: []string{"a", "b", "c"}, Height: 1, Width: 1,
		Pixels: make([]uint8, 3*len(labels)), Labels: labels,
	}
}

// TestRun compares with numbers that were computed by hand.
func TestRun(t *testing.T) {
	model := &table{classes: 3, size: 3}
	for _, row := range [][]float32{
		ln(0.5, 0.25, 0.25),    // a, correct
		ln(0.25, 0.5, 0.25),    // a classified as b
		ln(0.125, 0.75, 0.125), // b, correct
		ln(0.8, 0.05, 0.15),    // b classified as a, with c second
		ln(0.25, 0.625, 0.125), // a classified as b
	} {
		model.logits = append(model.logits, row...)
	}
	set := threeClasses(0, 0, 1, 1, 0)
	set.Files = []string{"a/1.png", "a/2.png", "b/3.png", "b/4.png", "a/5.png"}
	r, err := Run(t.Context(), model, set)
	if err != nil {
		t.Fatal(err)
	}
	if r.Images != 5 || r.Accuracy != 0.4 {
		t.Errorf("%d images, accuracy %v, want 5 and 0.4", r.Images, r.Accuracy)
	}
	// −(ln 1/2 + ln 1/4 + ln 3/4 + ln 1/20 + ln 1/4)/5
	if want := 1.3498301; math.Abs(r.Loss-want) > 1e-6 {
		t.Errorf("loss %v, want %v", r.Loss, want)
	}
	if want := [][]int{{1, 2, 0}, {1, 1, 0}, {0, 0, 0}}; !reflect.DeepEqual(r.Confusion, want) {
		t.Errorf("confusion %v, want %v", r.Confusion, want)
	}
	want := []Class{
		{Name: "a", Images: 3, Predicted: 2, Correct: 1, Precision: 1. / 2, Recall: 1. / 3, F1: 2. / 5},
		{Name: "b", Images: 2, Predicted: 3, Correct: 1, Precision: 1. / 3, Recall: 1. / 2, F1: 2. / 5},
		{Name: "c"},
	}
	if !reflect.DeepEqual(r.Classes, want) {
		t.Errorf("classes %v, want %v", r.Classes, want)
	}
	// Class c has no images, so it is not part of the averages.
	if want := (Averages{Precision: 5. / 12, Recall: 5. / 12, F1: 2. / 5}); math.Abs(r.Macro.Precision-want.Precision) > 1e-15 ||
		math.Abs(r.Macro.Recall-want.Recall) > 1e-15 || r.Macro.F1 != want.F1 {
		t.Errorf("averages %v, want %v", r.Macro, want)
	}
	for k, want := range map[int]float64{0: 0, 1: 0.4, 2: 0.8, 3: 1, 4: 1} {
		if got := r.TopAccuracy(k); got != want {
			t.Errorf("among the %d most likely: %v, want %v", k, got, want)
		}
	}
	wrong := []Mistake{
		{Index: 3, File: "b/4.png", Label: 1, Predicted: 0, Probability: 0.8},
		{Index: 4, File: "a/5.png", Label: 0, Predicted: 1, Probability: 0.625},
		{Index: 1, File: "a/2.png", Label: 0, Predicted: 1, Probability: 0.5},
	}
	if len(r.Wrong) != len(wrong) {
		t.Fatalf("wrong %v, want %v", r.Wrong, wrong)
	}
	for i, w := range wrong {
		got := r.Wrong[i]
		if math.Abs(got.Probability-w.Probability) > 1e-6 {
			t.Errorf("mistake %d: probability %v, want %v", i, got.Probability, w.Probability)
		}
		if got.Probability = w.Probability; got != w {
			t.Errorf("mistake %d: %v, want %v", i, got, w)
		}
	}
}

// TestBatchOf: large images are classified fewer at once.
func TestBatchOf(t *testing.T) {
	for size, want := range map[[2]int]int{{0, 0}: 100, {32, 32}: 100, {128, 128}: 100, {128, 129}: 99, {224, 224}: 32, {2000, 3000}: 1} {
		if got := BatchOf(size[0], size[1]); got != want {
			t.Errorf("%v: %d, want %d", size, got, want)
		}
	}
}

// TestRunBatches evaluates several batches, the last one incomplete.
func TestRunBatches(t *testing.T) {
	labels := make([]int32, 2*Batch+7)
	model := &table{classes: 3, size: 3}
	for i := range labels {
		labels[i] = int32(i % 3)
		model.logits = append(model.logits, ln(0.5, 0.25, 0.25)...)
	}
	r, err := Run(t.Context(), model, threeClasses(labels...))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Predictions) != 207 || r.Predictions[1].Rank != 1 || r.Predictions[2].Rank != 2 {
		t.Errorf("%d predictions, those of the first images %v", len(r.Predictions), r.Predictions[:3])
	}
	if r.Images != 207 || r.Classes[0].Correct != 69 || r.Classes[0].Predicted != 207 || len(r.Wrong) != 138 {
		t.Errorf("%d images, class a %+v, %d wrong", r.Images, r.Classes[0], len(r.Wrong))
	}
	if last := r.Wrong[137]; last.Index != 206 {
		t.Errorf("equally certain mistakes are not in the order of the set: the last is %v", last)
	}
}

// TestCrossEntropy uses logits whose exponentials overflow, and equal ones.
func TestCrossEntropy(t *testing.T) {
	loss, best, p := crossEntropy([]float32{1000, 0, -1000}, 1)
	if loss != 1000 || best != 0 || p != 1 {
		t.Errorf("loss %v, best %d, probability %v; want 1000, 0, 1", loss, best, p)
	}
	loss, best, p = crossEntropy([]float32{2, 2}, 1)
	if math.Abs(loss-math.Ln2) > 1e-15 || best != 0 || p != 0.5 {
		t.Errorf("loss %v, best %d, probability %v; want ln 2, 0, 0.5", loss, best, p)
	}
}

// TestRank checks that the first of equal logits comes first.
func TestRank(t *testing.T) {
	logits := []float32{1, 3, 2, 3, 1}
	for label, want := range []int{3, 0, 2, 1, 4} {
		if got := rank(logits, label); got != want {
			t.Errorf("label %d has rank %d, want %d", label, got, want)
		}
	}
}

// TestRunFails uses a model with other classes, and a context that is done.
func TestRunFails(t *testing.T) {
	if _, err := Run(t.Context(), &table{logits: make([]float32, 2), classes: 2, size: 3}, threeClasses(0)); err == nil {
		t.Error("a model of 2 classes was accepted for a set of 3")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, &table{}, threeClasses(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}
