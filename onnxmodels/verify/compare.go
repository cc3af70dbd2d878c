package verify

import (
	"context"
	"fmt"
	"math"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/interp"
)

// Tolerance is the largest accepted difference between the results of two runtimes.
// Both round to float32 at each step but add in different orders; for the study's
// network, they differ by a tenth of it.
const Tolerance = 1e-5

// ToleranceOf returns the tolerance for a model in a precision, one of
// onnxmodels.PrecisionFloat32 and so on. For float16 it is 0.01, since some
// processors round every sum to float16 and others none. For int8 it is 0.05, since
// a number halfway between two integers may be rounded to either.
func ToleranceOf(precision string) float64 {
	switch precision {
	case onnxmodels.PrecisionFloat16:
		return 0.01
	case onnxmodels.PrecisionInt8:
		return 0.05
	}
	return Tolerance
}

// Outputs are the results of a runtime for some images.
type Outputs struct {
	// Runtime is the name of the runtime, for messages.
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

// Difference describes how far two runtimes differ in one output.
type Difference struct {
	// Largest is the largest absolute difference. Sample and Class, both counted
	// from 0, say where it is.
	Largest float64 `json:"largest"`
	Sample  int     `json:"sample"`
	Class   int     `json:"class"`
	// Mean is the mean absolute difference.
	Mean float64 `json:"mean"`
	// Scale is the largest absolute value of the output.
	Scale float64 `json:"scale"`
}

// Report is the result of a comparison.
type Report struct {
	// Samples is the number of images. Tolerance is the largest difference that is accepted,
	// for logits relative to the largest one, or to 1 if that is larger.
	Samples       int        `json:"samples"`
	Probabilities Difference `json:"probabilities"`
	Logits        Difference `json:"logits"`
	Tolerance     float64    `json:"tolerance"`
	// Native compares onnxlab's kernels, with which session.NewModel runs the
	// model, with pure Go. It is nil unless the caller fills it in.
	Native *Report `json:"native,omitempty"`
	// Layers compares all intermediate values, in the order of the graph. It is
	// empty unless the caller fills it in.
	Layers []Layer `json:"layers,omitempty"`
}

// Compare compares the outputs of two runtimes for the same images. It returns an
// error if the sizes of the outputs differ or if a value is not finite.
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
		d, at := differ(c.a, c.b)
		if at >= 0 {
			return r, fmt.Errorf("compare: the %s of sample %d, class %d are %v by %s and %v by %s, want finite numbers",
				c.name, at/a.Classes, at%a.Classes, c.a[at], a.Runtime, c.b[at], b.Runtime)
		}
		d.Sample, d.Class = d.Class/a.Classes, d.Class%a.Classes
		*c.to = d
	}
	return r, nil
}

// differ compares two lists of equal length. In the result, Class is the index of
// the largest difference. notFinite is the index of the first number that is not
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

// Err returns an *Error if the runtimes differ by more than the tolerance in a
// probability, or by more than the tolerance times max(1, the largest logit) in a
// logit. If they agree, it returns the error of Native, wrapped.
func (r Report) Err() error {
	// Logits are checked too, because probabilities near 0 and 1 hardly change with them.
	logits := r.Tolerance * max(1, r.Logits.Scale)
	switch {
	case r.Probabilities.Largest > r.Tolerance:
		return &Error{"probability", r.Probabilities, r.Tolerance}
	case r.Logits.Largest > logits:
		return &Error{"logit", r.Logits, logits}
	case r.Native != nil:
		if err := r.Native.Err(); err != nil {
			return fmt.Errorf("with onnxlab's kernels, %w", err)
		}
	}
	return nil
}

// Error says that two runtimes do not agree.
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
