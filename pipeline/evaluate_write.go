package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"onnxlab/augment"
	"onnxlab/augment/sheet"
	"onnxlab/dataset"
	"onnxlab/internal/durable"
	"onnxlab/internal/printable"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/report"
)

// The files of an evaluation. The first is written last.
const (
	evaluationFile   = "evaluation.json"
	confusionCSVFile = "confusion.csv"
	confusionPNGFile = "confusion.png"
	confusionSVGFile = "confusion.svg"
	predictionsFile  = "predictions.csv"
	wrongFile        = "wrong.png"
)

func evaluationFiles() []string {
	return []string{evaluationFile, confusionCSVFile, confusionPNGFile, confusionSVGFile, predictionsFile, wrongFile}
}

// evaluationPart is one file of an evaluation.
type evaluationPart struct {
	name  string
	write func(io.Writer) error
}

// writeFiles writes the files into dir, each whole or not at all.
func (e evaluated) writeFiles(dir string, set *dataset.Set) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write evaluation: %w", err)
	}
	m := report.Confusion{Classes: set.Classes, Counts: e.Confusion}
	files := []evaluationPart{
		{confusionCSVFile, e.writeCSV},
		{confusionPNGFile, m.WritePNG},
		{confusionSVGFile, m.WriteSVG},
		{predictionsFile, func(w io.Writer) error { return e.writePredictions(w, set) }},
		{wrongFile, func(w io.Writer) error { return e.writeWrong(w, set) }},
		{evaluationFile, func(w io.Writer) error { return cli.PrintJSON(w, e) }},
	}
	if set.MultiLabel() {
		files = []evaluationPart{
			{predictionsFile, func(w io.Writer) error { return e.writeProbabilities(w, set) }},
			files[len(files)-1],
		}
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if f.name == wrongFile && len(e.Wrong) == 0 {
			// A file of an earlier evaluation would seem to belong to this one.
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

// writeCSV writes the confusion matrix, with the names of the classes in the first
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

// writePredictions writes the prediction for each image on a row, in the order of the
// files or, if images do not come from files, of their numbers in the set.
func (e evaluated) writePredictions(w io.Writer, set *dataset.Set) error {
	c := csv.NewWriter(w)
	names, head := set.Files, "file"
	if names == nil {
		head = "index"
	}
	if err := c.Write([]string{head, "class", "predicted", "probability", "correct"}); err != nil {
		return err
	}
	for _, i := range byFile(set) {
		name, label, p := strconv.Itoa(i), int(set.Label(i)), e.Predictions[i]
		if names != nil {
			name = names[i]
		}
		row := []string{name, set.Classes[label], set.Classes[p.Predicted], csvProbability(p.Probability), strconv.FormatBool(p.Predicted == label)}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// byFile returns the numbers of a set's images in the order of their files, if they come
// from files.
func byFile(set *dataset.Set) []int {
	order := make([]int, set.Len())
	for i := range order {
		order[i] = i
	}
	if set.Files != nil {
		slices.SortFunc(order, func(i, k int) int { return strings.Compare(set.Files[i], set.Files[k]) })
	}
	return order
}

// writeWrong draws the misclassified images.
func (e evaluated) writeWrong(w io.Writer, set *dataset.Set) error {
	const columns = 6
	height, width := set.Size()
	var pictures []sheet.Variant
	for _, m := range e.Wrong {
		pixels, err := set.ReadImages(context.Background(), m.Index, m.Index+1, nil)
		if err != nil {
			return err
		}
		picture, err := augment.ToImage(pixels, height, width)
		if err != nil {
			return err
		}
		is := "is " + set.Classes[m.Label]
		if m.File == "" {
			is += fmt.Sprintf(" (%d)", m.Index)
		}
		pictures = append(pictures, sheet.Variant{
			Image:   picture,
			Caption: []string{fmt.Sprintf("%s %.1f %%", set.Classes[m.Predicted], 100*m.Probability), is},
			Name:    printable.Line(m.File),
		})
	}
	picture, err := sheet.Grid(pictures, columns)
	if err != nil {
		return err
	}
	return png.Encode(w, picture)
}
