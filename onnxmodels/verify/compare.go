package verify

import (
	"context"
	"fmt"
	"math"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/interp"
)

// Tolerance is how far two runtimes may be apart. Both round to float32 at each
// step, in their own order; the study's network is ten times below it.
const Tolerance = 1e-5

// ToleranceOf is that of a model in a precision, one of onnxmodels.PrecisionFloat32 and
// so on: 0.01 for float16, since some processors round every sum to it and others none,
// and 0.05 for int8, where a number halfway between two integers goes to either.
func ToleranceOf(precision string) float64 {
	switch precision {
	case onnxmodels.PrecisionFloat16:
		return 0.01
	case onnxmodels.PrecisionInt8:
		return 0.05
	}
	return Tolerance
}

// Outputs are what a runtime gives for some images.
type Outputs struct {
	// Runtime names it, for messages.
	Runtime string
	// Classes is the number of columns, Logits and Probabilities are [images,
	// classes].
	Classes               int
	Logits, Probabilities []float32
}

// Run runs the model in pure Go on images [n, height, width, 3].
func Run(ctx context.Context, m *interp.Model, images []uint8) (Outputs, error) {
	logits, probabilities, err := m.Predict(ctx, images)
	return Outputs{Runtime: "pure Go", Classes: m.Classes(), Logits: logits, Probabilities: probabilities}, err
}

// Difference is how far two runtimes are apart in one output.
type Difference struct {
	// Largest is the largest absolute difference, of the sample and the class,
	// both counted from 0.
	Largest float64 `json:"largest"`
	Sample  int     `json:"sample"`
	Class   int     `json:"class"`
	// Mean is the mean absolute difference.
	Mean float64 `json:"mean"`
	// Scale is the largest absolute value of the output.
	Scale float64 `json:"scale"`
}

// Report is what a comparison found.
type Report struct {
	Samples       int        `json:"samples"`
	Probabilities Difference `json:"probabilities"`
	Logits        Difference `json:"logits"`
	Tolerance     float64    `json:"tolerance"`
	// Layers compare each value between, in the order of the graph, if that
	// was asked for.
	Layers []Layer `json:"layers,omitempty"`
}

// Compare compares the outputs of two runtimes for the same images. Outputs of
// different sizes, or with values that are no finite numbers, are an error.
func Compare(a, b Outputs, tolerance float64) (Report, error) {
	r := Report{Tolerance: tolerance}
	if a.Classes < 1 || a.Classes != b.Classes || len(a.Logits) == 0 || len(a.Logits)%a.Classes != 0 {
		return r, fmt.Errorf("compare: %d logits of %d classes by %s, %d of %d by %s",
			len(a.Logits), a.Classes, a.Runtime, len(b.Logits), b.Classes, b.Runtime)
	}
	r.Samples = len(a.Logits) / a.Classes
	for _, c := range []struct {
		name string
		a, b []float32
		to   *Difference
	}{
		{"probabilities", a.Probabilities, b.Probabilities, &r.Probabilities},
		{"logits", a.Logits, b.Logits, &r.Logits},
	} {
		if len(c.a) != len(a.Logits) || len(c.b) != len(a.Logits) {
			return r, fmt.Errorf("compare: %d %s by %s, %d by %s", len(c.a), c.name, a.Runtime, len(c.b), b.Runtime)
		}
		d, place := differ(c.a, c.b)
		if place >= 0 {
			return r, fmt.Errorf("compare: the %s of sample %d, class %d are %v by %s and %v by %s, want finite numbers",
				c.name, place/a.Classes, place%a.Classes, c.a[place], a.Runtime, c.b[place], b.Runtime)
		}
		d.Sample, d.Class = d.Class/a.Classes, d.Class%a.Classes
		*c.to = d
	}
	return r, nil
}

// differ compares two lists of as many numbers; Class is then the place of the
// largest difference. notFinite is the place of the first number that is not
// finite, or -1.
func differ(a, b []float32) (d Difference, notFinite int) {
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		difference := math.Abs(x - y)
		if math.IsNaN(difference) || math.IsInf(difference, 0) {
			return d, i
		}
		d.Mean += difference / float64(len(a))
		d.Scale = max(d.Scale, math.Abs(x))
		if difference > d.Largest {
			d.Largest, d.Class = difference, i
		}
	}
	return d, -1
}

// Err returns an *Error if the runtimes are further apart than the tolerance:
// in a probability, or in a logit by so much of the largest logit, or of 1 if
// that is larger.
func (r Report) Err() error {
	// Probabilities near 0 and 1 hardly move when the logits do.
	logits := r.Tolerance * max(1, r.Logits.Scale)
	switch {
	case r.Probabilities.Largest > r.Tolerance:
		return &Error{"probability", r.Probabilities, r.Tolerance}
	case r.Logits.Largest > logits:
		return &Error{"logit", r.Logits, logits}
	}
	return nil
}

// Error is the error of two runtimes that do not agree.
type Error struct {
	// Output is "probability" or "logit".
	Output     string
	Difference Difference
	Tolerance  float64
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("the runtimes disagree: by %.3g in the %s of sample %d, class %d; the tolerance is %.3g",
		e.Difference.Largest, e.Output, e.Difference.Sample, e.Difference.Class, e.Tolerance)
}
