package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"onnxlab/dataset"
	"onnxlab/dataset/evaluation"
	"onnxlab/internal/printable"
)

// writeMultiLabel prints the metrics of each class if images may have several classes.
func (e evaluated) writeMultiLabel(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "class\timages\tprecision\trecall\tF1\taverage precision\t\n")
	for _, c := range e.Classes {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t\n", printable.Name(c.Name), c.Images,
			percent(c.Precision, c.Predicted), percent(c.Recall, c.Images), percent(c.F1, c.Images+c.Predicted), percent(c.AveragePrecision, c.Images))
	}
	for _, row := range []struct {
		name string
		avg  evaluation.Averages
	}{{"macro average", e.Macro}, {"micro average", *e.Micro}} {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t\t\n", row.name, e.Images,
			percent(row.avg.Precision, e.Images), percent(row.avg.Recall, e.Images), percent(row.avg.F1, e.Images))
	}
	return t.Flush()
}

// writeProbabilities writes for each image, in the order of the files, its classes, the
// predicted classes, and the probability of each class.
func (e evaluated) writeProbabilities(w io.Writer, set *dataset.Set) error {
	c := csv.NewWriter(w)
	head := []string{"index", "classes", "predicted"}
	if set.Files != nil {
		head[0] = "file"
	}
	if err := c.Write(append(head, set.Classes...)); err != nil {
		return err
	}
	for _, i := range byFile(set) {
		name := strconv.Itoa(i)
		if set.Files != nil {
			name = set.Files[i]
		}
		var has, predicted, probabilities []string
		for k, target := range set.Target(i) {
			p := float64(e.Probabilities[i*len(set.Classes)+k])
			if target == 1 {
				has = append(has, set.Classes[k])
			}
			if p > 0.5 {
				predicted = append(predicted, set.Classes[k])
			}
			probabilities = append(probabilities, csvProbability(p))
		}
		row := []string{name, strings.Join(has, "|"), strings.Join(predicted, "|")}
		if err := c.Write(append(row, probabilities...)); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
