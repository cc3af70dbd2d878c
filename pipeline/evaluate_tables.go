package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"onnxlab/internal/printable"
	"onnxlab/pipeline/internal/cli"
)

// writeTables prints the evaluation as tables.
func (e evaluated) writeTables(w io.Writer) error {
	fmt.Fprintf(w, "%s in %s, on %d %s of %s\n\n", printable.Line(e.Model), e.Runtime, e.Images, splitNouns[e.Split], e.Source)
	fmt.Fprintf(w, "accuracy  %.2f %%\n", 100*e.Accuracy)
	if e.Top != nil {
		fmt.Fprintf(w, "%-9s %.2f %%\n", fmt.Sprintf("top-%d", e.Top.K), 100*e.Top.Accuracy)
	}
	if e.Micro != nil {
		fmt.Fprintf(w, "mAP       %.2f %%\n", 100*e.MeanAveragePrecision)
	}
	fmt.Fprintf(w, "loss      %.4f\n\n", e.Loss)
	if e.Micro != nil {
		return e.writeMultiLabel(w)
	}
	for _, table := range []func(io.Writer) error{e.writeClasses, e.writeConfusion, e.writeMistakes} {
		if err := table(w); err != nil {
			return err
		}
	}
	return nil
}

// seen returns the classes that some image has or was predicted as. If the set has only some
// of the model's classes, the others are not worth a row.
func (e evaluated) seen() []int {
	var seen []int
	for i, c := range e.Classes {
		if c.Images+c.Predicted > 0 {
			seen = append(seen, i)
		}
	}
	return seen
}

// writeClasses prints the metrics of each class and their averages.
func (e evaluated) writeClasses(w io.Writer) error {
	seen := e.seen()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "class\timages\tprecision\trecall\tF1\t\n")
	for _, i := range seen {
		c := e.Classes[i]
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t\n", printable.Name(c.Name), c.Images,
			percent(c.Precision, c.Predicted), percent(c.Recall, c.Images), percent(c.F1, c.Images+c.Predicted))
	}
	fmt.Fprintf(t, "macro average\t%d\t%s\t%s\t%s\t\n", e.Images,
		percent(e.Macro.Precision, e.Images), percent(e.Macro.Recall, e.Images), percent(e.Macro.F1, e.Images))
	if err := t.Flush(); err != nil {
		return err
	}
	if n := len(e.Classes) - len(seen); n > 0 {
		fmt.Fprintf(w, "left out: classes that no image has or was predicted as (%d)\n", n)
	}
	return nil
}

// percent writes a share of n images, or "-" if n is 0.
func percent(share float64, n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100*share)
}

// writeConfusion prints the confusion matrix.
func (e evaluated) writeConfusion(w io.Writer) error {
	const most = 25 // columns that fit on a terminal
	seen := e.seen()
	if len(seen) > most {
		_, err := fmt.Fprintf(w, "\nthe confusion matrix of %d classes is too large to print; --out DIR writes it\n", len(seen))
		return err
	}
	fmt.Fprint(w, "\nrows: class, columns: predicted\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, i := range seen {
		fmt.Fprintf(t, "\t%s", printable.Name(e.Classes[i].Name))
	}
	fmt.Fprint(t, "\t\n")
	for _, i := range seen {
		fmt.Fprint(t, printable.Name(e.Classes[i].Name))
		for _, k := range seen {
			fmt.Fprintf(t, "\t%d", e.Confusion[i][k])
		}
		fmt.Fprint(t, "\t\n")
	}
	return t.Flush()
}

// writeMistakes prints the misclassified images whose predictions have the highest
// probabilities.
func (e evaluated) writeMistakes(w io.Writer) error {
	if len(e.Wrong) == 0 {
		return nil
	}
	fmt.Fprint(w, "\nmost confidently wrong\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "image\tclass\tpredicted\tprobability\n")
	for _, m := range e.Wrong {
		image := fmt.Sprint(m.Index)
		if m.File != "" {
			image = shortPath(m.File)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.2f %%\n", image,
			printable.Name(e.Classes[m.Label].Name), printable.Name(e.Classes[m.Predicted].Name), 100*m.Probability)
	}
	return t.Flush()
}

// shortPath leaves out the middle of a path that is too long for a table.
func shortPath(path string) string {
	const most = 80
	return cli.WithoutMiddle(printable.Line(path), most, "…")
}
