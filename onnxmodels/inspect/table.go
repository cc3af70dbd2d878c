package inspect

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"onnxlab/internal/printable"
)

// WriteTable writes a summary of the report for people: all of it but the parameters and the
// nodes.
func (r *ModelReport) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "ONNX model\tby %s, IR version %d\n", cmp.Or(printable.Line(r.Producer), "an unnamed program"), r.IRVersion)
	for _, d := range slices.Sorted(maps.Keys(r.Opsets)) {
		fmt.Fprintf(t, "operators\t%s version %d\n", printable.Line(d), r.Opsets[d])
	}
	fmt.Fprintf(t, "parameters\t%d in %d tensors, and %d constants\n", r.Elements, len(r.Parameters), r.Constants)
	if r.Training == nil { // else writeTraining says it
		fmt.Fprintf(t, "trainable\t%d\n", r.Trainable)
	}
	if len(r.State) > 0 {
		fmt.Fprintf(t, "optimizer\t%d tensors of state\n", len(r.State))
	}
	if s := r.AssumedSize; s != nil {
		fmt.Fprintf(t, "images\tof several sizes; shapes and costs are for %dx%d pixels (--size)\n", s.Height, s.Width)
	}
	r.writeTraining(t)
	r.writeCosts(t)
	for _, k := range slices.Sorted(maps.Keys(r.Metadata)) {
		fmt.Fprintf(t, "metadata\t%s: %s\n", printable.Name(k), printable.Line(r.Metadata[k]))
	}
	writeValues(t, "input", r.Inputs)
	writeValues(t, "output", r.Outputs)
	r.writeOperators(t)
	return t.Flush()
}

// writeTraining writes what training artifacts of the model would train, or why they cannot be
// made.
func (r *ModelReport) writeTraining(w io.Writer) {
	training := r.Training
	if training == nil {
		return
	}
	for i, line := range training.Refused {
		fmt.Fprintf(w, "%s\t%s\n", map[bool]string{true: "training"}[i == 0], printable.Line("cannot: "+line))
	}
	if len(training.Refused) > 0 {
		return
	}
	norm := "there is no batch normalisation"
	if training.Statistics > 0 {
		norm = fmt.Sprintf("batch normalisation has %d running statistics", training.Statistics)
	}
	fmt.Fprintf(w, "training\tall %d parameters have gradients, and %s\n", training.Parameters, norm)
	head := "none that can be replaced for other classes"
	if h := training.Head; h != nil {
		head = fmt.Sprintf("%s: %d features to %d classes", printable.Line(strings.Join(h.Parameters, ", ")), h.Features, h.Classes)
	}
	fmt.Fprintf(w, "head\t%s\n", head)
}

// writeCosts writes what an image costs in each part of the model.
func (r *ModelReport) writeCosts(w io.Writer) {
	for _, part := range []struct {
		name string
		Total
	}{{PartForward, r.Forward}, {PartBackward, r.Backward}} {
		if part.Nodes == 0 {
			continue
		}
		fmt.Fprintf(w, "%s\t%d nodes, %d multiply-adds (%.4g GFLOP) and %d bytes of values an image", part.name, part.Nodes,
			part.MultiplyAdds, 2e-9*float64(part.MultiplyAdds), part.Bytes)
		if part.Unknown > 0 {
			fmt.Fprintf(w, ", without %d nodes of unknown shape", part.Unknown)
		}
		fmt.Fprintln(w)
	}
}

// writeValues writes a table of values under the name of what they are.
func writeValues(w io.Writer, name string, list []ValueReport) {
	fmt.Fprintf(w, "\n%s\ttype\n", name)
	for _, v := range list {
		fmt.Fprintf(w, "%s\t%s\n", printable.Name(v.Name), printable.Line(v.Type))
	}
}

// writeOperators writes how many nodes there are of each operator.
func (r *ModelReport) writeOperators(w io.Writer) {
	if r.Backward.Nodes == 0 {
		fmt.Fprintf(w, "\noperator\tnodes\n")
		for _, o := range r.Operators {
			fmt.Fprintf(w, "%s\t%d\n", printable.Name(o.Operator), o.Forward)
		}
		return
	}
	fmt.Fprintf(w, "\noperator\tforward\tbackward\n")
	for _, o := range r.Operators {
		fmt.Fprintf(w, "%s\t%d\t%d\n", printable.Name(o.Operator), o.Forward, o.Backward)
	}
}

// WriteParameters writes a table of the parameters.
func (r *ModelReport) WriteParameters(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	writeValues(t, "parameter", r.Parameters)
	return t.Flush()
}

// WriteNodes writes the graph as a table.
func (r *ModelReport) WriteNodes(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nnode\toperator\tpart\toutput\tparameters\ttrainable\tmultiply-adds\tbytes\n")
	for _, n := range r.Nodes {
		adds, bytes := "?", "?"
		if n.Cost != nil {
			adds, bytes = fmt.Sprint(n.Cost.MultiplyAdds), fmt.Sprint(n.Cost.Bytes)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", printable.Name(n.Name), printable.Name(n.Operator), n.Part,
			printable.Name(n.Type), n.Parameters, n.Trainable, adds, bytes)
	}
	return t.Flush()
}
