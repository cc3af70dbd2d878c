package evaluation

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"onnxlab/dataset"
)

// TestMultiScikitLearn compares with the results of scikit-learn for the same logits, for
// images that may have several classes.
func TestMultiScikitLearn(t *testing.T) {
	text, err := os.ReadFile("testdata/multi.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]struct {
		Targets              [][]uint8
		Logits               [][]float32
		Accuracy, Loss       float64
		Micro, Macro         [3]float64
		AveragePrecision     []float64 `json:"average_precision"`
		MeanAveragePrecision float64   `json:"mean_average_precision"`
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) != 3 {
		t.Fatal(len(cases), err)
	}
	for name, c := range cases {
		classes := len(c.AveragePrecision)
		set := &dataset.Set{Height: 1, Width: 1, Pixels: make([]uint8, 3*len(c.Targets)), Labels: make([]int32, len(c.Targets))}
		model := &table{classes: classes, size: 3}
		for k := range classes {
			set.Classes = append(set.Classes, strconv.Itoa(k))
		}
		for i, row := range c.Targets {
			set.Targets = append(set.Targets, row...)
			model.logits = append(model.logits, c.Logits[i]...)
		}
		r, err := RunLoss(t.Context(), model, BinaryCrossEntropy, set)
		if err != nil {
			t.Fatal(err)
		}
		same := func(what string, got, want float64) {
			t.Helper()
			if math.Abs(got-want) > 1e-6 {
				t.Errorf("%s: %s %v, scikit-learn has %v", name, what, got, want)
			}
		}
		same("accuracy", r.Accuracy, c.Accuracy)
		same("loss", r.Loss, c.Loss)
		same("mean average precision", r.MeanAveragePrecision, c.MeanAveragePrecision)
		for i, got := range []float64{r.Micro.Precision, r.Micro.Recall, r.Micro.F1} {
			same("micro", got, c.Micro[i])
		}
		for i, got := range []float64{r.Macro.Precision, r.Macro.Recall, r.Macro.F1} {
			same("macro", got, c.Macro[i])
		}
		for k, want := range c.AveragePrecision {
			same("average precision of "+strconv.Itoa(k), r.Classes[k].AveragePrecision, want)
		}
		if _, err := Run(t.Context(), model, set); err == nil || !strings.Contains(err.Error(), "one class each") {
			t.Errorf("cross-entropy of several classes: error %v", err)
		}
	}
}
