package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"onnxlab/internal/printable"
)

// prediction is the result for one image.
type prediction struct {
	Image string `json:"image"`
	Top   []rank `json:"top"`
}

// rank is one of the most likely classes of an image.
type rank struct {
	Class       string  `json:"class"`
	Label       int     `json:"label"`
	Probability float64 `json:"probability"`
}

// ranks returns the most likely classes in order. Equally likely ones are in the order of
// the classes.
func ranks(probabilities []float32, classes []string, top int) []rank {
	all := make([]rank, len(classes))
	for i, p := range probabilities {
		all[i] = rank{classes[i], i, float64(p)}
	}
	slices.SortStableFunc(all, func(a, b rank) int { return cmp.Compare(b.Probability, a.Probability) })
	return all[:min(top, len(all))]
}

// predictionWriter writes predictions one batch after another. The output is complete after end.
type predictionWriter interface {
	write(predictions []prediction) error
	end() error
}

// newPredictionWriter returns the writer for the format of the options.
func newPredictionWriter(o *predictOptions, w io.Writer, classes int) predictionWriter {
	switch {
	case o.json:
		return &jsonPredictions{w: w}
	case o.csv:
		return &csvPredictions{w: w, ranks: min(o.top, classes)}
	}
	return textPredictions{w}
}

// textPredictions writes a line for each image.
type textPredictions struct{ w io.Writer }

func (t textPredictions) write(predictions []prediction) error {
	for _, p := range predictions {
		line := printable.Line(p.Image)
		for _, r := range p.Top {
			line += fmt.Sprintf("\t%s %.2f %%", printable.Name(r.Class), 100*r.Probability)
		}
		if _, err := fmt.Fprintln(t.w, line); err != nil {
			return err
		}
	}
	return nil
}

func (textPredictions) end() error { return nil }

// jsonPredictions writes a list item by item, in the format of cli.PrintJSON.
type jsonPredictions struct {
	w     io.Writer
	begun bool
}

func (j *jsonPredictions) write(predictions []prediction) error {
	for _, p := range predictions {
		before := ",\n  "
		if !j.begun {
			before = "[\n  "
		}
		j.begun = true
		item, err := json.MarshalIndent(p, "  ", "  ")
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(j.w, "%s%s", before, item); err != nil {
			return err
		}
	}
	return nil
}

func (j *jsonPredictions) end() error {
	text := "\n]\n"
	if !j.begun {
		text = "[]\n"
	}
	_, err := io.WriteString(j.w, text)
	return err
}

// csvPredictions writes a row for each image, below a header.
type csvPredictions struct {
	w      io.Writer
	ranks  int
	headed bool
}

func (c *csvPredictions) write(predictions []prediction) error {
	var rows bytes.Buffer
	w := csv.NewWriter(&rows)
	if !c.headed {
		c.headed = true
		_ = w.Write(c.header()) // cannot fail: it writes into memory
	}
	for _, p := range predictions {
		row := []string{p.Image}
		for _, r := range p.Top {
			row = append(row, r.Class, csvProbability(r.Probability))
		}
		_ = w.Write(row)
	}
	w.Flush()
	// Write all rows at once: the output is checked piece by piece, and a piece from the
	// csv package could end in the middle of a character.
	_, err := c.w.Write(rows.Bytes())
	return err
}

func (c *csvPredictions) header() []string {
	names := []string{"file", "class", "probability"}
	for i := 2; i <= c.ranks; i++ {
		names = append(names, fmt.Sprintf("class_%d", i), fmt.Sprintf("probability_%d", i))
	}
	return names
}

func (c *csvPredictions) end() error {
	if c.headed {
		return nil
	}
	return c.write(nil)
}

// csvProbability writes the shortest digits that identify a float32.
func csvProbability(p float64) string { return strconv.FormatFloat(p, 'g', -1, 32) }
