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

// prediction is what is told about one image.
type prediction struct {
	Image string `json:"image"`
	Top   []rank `json:"top"`
}

// rank is one class of an image, the most likely first.
type rank struct {
	Class       string  `json:"class"`
	Label       int     `json:"label"`
	Probability float64 `json:"probability"`
}

// ranks returns the most likely classes, of equals the first.
func ranks(probabilities []float32, classes []string, top int) []rank {
	all := make([]rank, len(classes))
	for i, p := range probabilities {
		all[i] = rank{classes[i], i, float64(p)}
	}
	slices.SortStableFunc(all, func(a, b rank) int { return cmp.Compare(b.Probability, a.Probability) })
	return all[:min(top, len(all))]
}

// predictionWriter writes predictions as they come. What it writes is whole after end.
type predictionWriter interface {
	write(predictions []prediction) error
	end() error
}

// newPredictionWriter returns that of the form which the options ask for.
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

// jsonPredictions writes a list, as printJSON writes one, item by item.
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
		_ = w.Write(c.header()) // into memory, as all of it
	}
	for _, p := range predictions {
		row := []string{p.Image}
		for _, r := range p.Top {
			row = append(row, r.Class, csvProbability(r.Probability))
		}
		_ = w.Write(row)
	}
	w.Flush()
	// At once, for the output is looked at piece by piece, and a piece of the csv
	// package may end within a character.
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

// csvProbability writes as many digits as a float32 has.
func csvProbability(p float64) string { return strconv.FormatFloat(p, 'g', -1, 32) }
