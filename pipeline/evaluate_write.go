package main

import (
	"encoding/csv"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"

	"onnxlab/augment"
	"onnxlab/augment/sheet"
	"onnxlab/dataset"
	"onnxlab/internal/durable"
	"onnxlab/internal/printable"
	"onnxlab/trainloop/report"
)

// The files of an evaluation. The first is written last.
const (
	evaluationFile   = "evaluation.json"
	confusionCSVFile = "confusion.csv"
	confusionPNGFile = "confusion.png"
	confusionSVGFile = "confusion.svg"
	wrongFile        = "wrong.png"
)

func evaluationFiles() []string {
	return []string{evaluationFile, confusionCSVFile, confusionPNGFile, confusionSVGFile, wrongFile}
}

// writeTables prints the evaluation for people.
func (e evaluated) writeTables(w io.Writer) error {
	fmt.Fprintf(w, "%s in %s, on %d %s of %s\n\n", printable.Line(e.Model), e.Runtime, e.Images, splitNouns[e.Split], e.Source)
	fmt.Fprintf(w, "accuracy  %.2f %%\nloss      %.4f\n\n", 100*e.Accuracy, e.Loss)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "class\timages\tprecision\trecall\t\n")
	for _, c := range e.Classes {
		fmt.Fprintf(t, "%s\t%d\t%s\t%.2f %%\t\n", printable.Name(c.Name), c.Images, precision(c.Precision, c.Predicted), 100*c.Recall)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	const most = 25 // columns that terminals have room for
	if len(e.Classes) > most {
		_, err := fmt.Fprintf(w, "\nthe confusion matrix of %d classes is not printed; --out DIR has it\n", len(e.Classes))
		return err
	}
	fmt.Fprint(w, "\nrows: class, columns: taken for\n")
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, c := range e.Classes {
		fmt.Fprintf(t, "\t%s", printable.Name(c.Name))
	}
	fmt.Fprint(t, "\t\n")
	for i, row := range e.Confusion {
		fmt.Fprint(t, printable.Name(e.Classes[i].Name))
		for _, n := range row {
			fmt.Fprintf(t, "\t%d", n)
		}
		fmt.Fprint(t, "\t\n")
	}
	return t.Flush()
}

// precision has no value for a class that nothing was taken for.
func precision(p float64, predicted int) string {
	if predicted == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100*p)
}

// writeFiles writes the files into dir, each whole or not at all.
func (e evaluated) writeFiles(dir string, set *dataset.Set) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write evaluation: %w", err)
	}
	m := report.Confusion{Classes: set.Classes, Counts: e.Confusion}
	files := []struct {
		name  string
		write func(io.Writer) error
	}{
		{confusionCSVFile, e.writeCSV},
		{confusionPNGFile, m.WritePNG},
		{confusionSVGFile, m.WriteSVG},
		{wrongFile, func(w io.Writer) error { return e.writeWrong(w, set) }},
		{evaluationFile, func(w io.Writer) error { return printJSON(w, e) }},
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if f.name == wrongFile && len(e.Wrong) == 0 {
			// That of an earlier evaluation would be taken for this one's.
			if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
				return err
			}
			continue
		}
		if err := durable.WriteFile(path, f.write); err != nil {
			return err
		}
	}
	return nil
}

// writeCSV writes the confusion matrix, the names of the classes first in each
// row and column.
func (e evaluated) writeCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	head := []string{"class"}
	for _, class := range e.Classes {
		head = append(head, class.Name)
	}
	if err := c.Write(head); err != nil {
		return err
	}
	for i, row := range e.Confusion {
		line := []string{e.Classes[i].Name}
		for _, n := range row {
			line = append(line, strconv.Itoa(n))
		}
		if err := c.Write(line); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// writeWrong draws the images that were classified wrong.
func (e evaluated) writeWrong(w io.Writer, set *dataset.Set) error {
	const columns = 6
	height, width := set.Size()
	var pictures []sheet.Variant
	for _, m := range e.Wrong {
		picture, err := augment.ToImage(set.Image(m.Index), height, width)
		if err != nil {
			return err
		}
		pictures = append(pictures, sheet.Variant{
			Image: picture,
			Caption: []string{
				fmt.Sprintf("%s %.1f %%", set.Classes[m.Predicted], 100*m.Probability),
				fmt.Sprintf("is %s (%d)", set.Classes[m.Label], m.Index),
			},
		})
	}
	picture, err := sheet.Grid(pictures, columns)
	if err != nil {
		return err
	}
	return png.Encode(w, picture)
}
