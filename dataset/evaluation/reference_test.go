package evaluation

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strconv"
	"testing"

	"onnxlab/dataset"
)

// reference is the output of testdata/reference.py for one classifier.
type reference struct {
	Labels                []int32
	Logits                [][]float32
	Accuracy, Loss        float64
	BalancedAccuracy      float64 `json:"balanced_accuracy"`
	Top                   map[string]float64
	Confusion             [][]int
	Precision, Recall, F1 []float64
	Macro                 [3]float64
}

// run evaluates the logits.
func (r reference) run(t *testing.T) *Report {
	t.Helper()
	classes := len(r.Confusion)
	set := &dataset.Set{Height: 1, Width: 1, Pixels: make([]uint8, 3*len(r.Labels)), Labels: r.Labels}
	for i := range classes {
		set.Classes = append(set.Classes, strconv.Itoa(i))
	}
	model := &table{classes: classes, size: 3}
	for _, row := range r.Logits {
		model.logits = append(model.logits, row...)
	}
	report, err := Run(t.Context(), model, set)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestScikitLearn compares with the results of scikit-learn for the same logits.
func TestScikitLearn(t *testing.T) {
	text, err := os.ReadFile("testdata/metrics.json")
	if err != nil {
		t.Fatal(err)
	}
	var references map[string]reference
	if err := json.Unmarshal(text, &references); err != nil {
		t.Fatal(err)
	}
	if len(references) != 3 {
		t.Errorf("%d classifiers, want 3", len(references))
	}
	for name, want := range references {
		got := want.run(t)
		near := func(what string, a, b, within float64) {
			if !(math.Abs(a-b) <= within) {
				t.Errorf("%s: %s is %v, scikit-learn has %v", name, what, a, b)
			}
		}
		const exact = 1e-14
		near("accuracy", got.Accuracy, want.Accuracy, exact)
		near("loss", got.Loss, want.Loss, 1e-6) // the logits are float32 here
		for k, top := range want.Top {
			n, err := strconv.Atoi(k)
			if err != nil {
				t.Fatal(err)
			}
			near("accuracy among "+k, got.TopAccuracy(n), top, exact)
		}
		if !reflect.DeepEqual(got.Confusion, want.Confusion) {
			t.Errorf("%s: confusion %v, scikit-learn has %v", name, got.Confusion, want.Confusion)
		}
		for i, c := range got.Classes {
			near("precision of "+c.Name, c.Precision, want.Precision[i], exact)
			near("recall of "+c.Name, c.Recall, want.Recall[i], exact)
			near("F1 of "+c.Name, c.F1, want.F1[i], exact)
		}
		near("mean precision", got.Macro.Precision, want.Macro[0], exact)
		near("mean recall", got.Macro.Recall, want.Macro[1], exact)
		near("mean F1", got.Macro.F1, want.Macro[2], exact)
		near("balanced accuracy", got.Macro.Recall, want.BalancedAccuracy, exact)
	}
}
