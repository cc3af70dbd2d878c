package inspect

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"onnxlab/internal/printable"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
)

// CheckpointReport describes a checkpoint.
type CheckpointReport struct {
	Parameters []ParameterReport `json:"parameters"`
	// Elements counts the elements of all parameters of layers, Trainable those of the
	// parameters that the optimizer changes.
	Elements  int `json:"elements"`
	Trainable int `json:"trainable"`
	// OptimizerStep is the number of steps done; nil if there is no optimizer state.
	OptimizerStep *int64 `json:"optimizer_step,omitempty"`
	// Momenta counts the tensors of the optimizer's state. State counts tensors that are
	// stored as parameters but hold optimizer state of the training model instead.
	Momenta int `json:"momenta"`
	State   int `json:"state,omitempty"`
}

// ParameterReport is one parameter and its statistics.
type ParameterReport struct {
	Name      string `json:"name"`
	Shape     []int  `json:"shape"`
	Elements  int    `json:"elements"`
	Trainable bool   `json:"trainable"`
	// State marks a tensor that holds optimizer state and is no parameter of a layer.
	State bool    `json:"state,omitempty"`
	Mean  float64 `json:"mean"`
	// Deviation is the standard deviation over the elements.
	Deviation float64 `json:"deviation"`
	Min       float64 `json:"min"`
	Max       float64 `json:"max"`
	// NotFinite counts NaN and infinite elements. The statistics leave them out.
	NotFinite int `json:"not_finite,omitempty"`
}

// Checkpoint describes a checkpoint.
func Checkpoint(c *checkpoint.Checkpoint) *CheckpointReport {
	r := &CheckpointReport{}
	for i, list := range [][]checkpoint.Tensor{c.Trainable, c.Frozen} {
		for _, t := range list {
			p := parameter(t)
			p.Trainable, p.State = i == 0, artifact.IsState(t.Name)
			switch {
			case p.State:
				r.State++
			case p.Trainable:
				r.Trainable += p.Elements
				fallthrough
			default:
				r.Elements += p.Elements
			}
			r.Parameters = append(r.Parameters, p)
		}
	}
	if o := c.Optimizer; o != nil {
		r.OptimizerStep = &o.Step
		for _, s := range o.States {
			r.Momenta += len(s.Momenta)
		}
	}
	return r
}

func parameter(t checkpoint.Tensor) ParameterReport {
	p := ParameterReport{Name: t.Name, Shape: t.Shape, Elements: len(t.Data)}
	sum, n := 0.0, 0
	finite := func(f func(v float64)) {
		for _, x := range t.Data {
			if v := float64(x); !math.IsNaN(v) && !math.IsInf(v, 0) {
				f(v)
			}
		}
	}
	first := true
	finite(func(v float64) {
		if first {
			p.Min, p.Max, first = v, v, false
		}
		sum += v
		p.Min, p.Max = min(p.Min, v), max(p.Max, v)
		n++
	})
	p.NotFinite = len(t.Data) - n
	if n == 0 {
		return p
	}
	p.Mean = sum / float64(n)
	squares := 0.0
	finite(func(v float64) { squares += (v - p.Mean) * (v - p.Mean) })
	p.Deviation = math.Sqrt(squares / float64(n))
	return p
}

// WriteTable writes the report for people.
func (r *CheckpointReport) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "training checkpoint\t%d parameters, %d trainable\n", r.Elements, r.Trainable)
	own := ""
	if r.State > 0 {
		own = fmt.Sprintf(", %d tensors of the training model's", r.State)
	}
	if r.OptimizerStep != nil {
		fmt.Fprintf(t, "optimizer\tstep %d, %d momentum tensors%s\n", *r.OptimizerStep, r.Momenta, own)
	} else {
		fmt.Fprintf(t, "optimizer\tno state%s\n", own)
	}
	fmt.Fprintf(t, "\nparameter\tshape\telements\ttrainable\tmean\tdeviation\tmin\tmax\t\n")
	for _, p := range r.Parameters {
		warning := ""
		if p.NotFinite > 0 {
			warning = fmt.Sprintf("%d not finite", p.NotFinite)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%.4g\t%.4g\t%.4g\t%.4g\t%s\n", printable.Name(p.Name), sizes(p.Shape), p.Elements,
			p.trains(), p.Mean, p.Deviation, p.Min, p.Max, warning)
	}
	return t.Flush()
}

// trains returns the table's entry for whether the optimizer changes the parameter.
func (p ParameterReport) trains() string {
	switch {
	case p.State:
		return "optimizer"
	case p.Trainable:
		return "yes"
	}
	return "no"
}

func sizes(shape []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(shape), "[]"), " ", "x")
}
