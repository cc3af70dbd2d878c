package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// Comparison is two sweeps, or two runs, side by side.
type Comparison struct {
	// A and B are the directories.
	A string `json:"a"`
	B string `json:"b"`
	// Cells are those in which both have a finished run.
	Cells []Difference `json:"cells"`
	// OnlyA and OnlyB name the cells in which only one has.
	OnlyA []string `json:"only_a"`
	OnlyB []string `json:"only_b"`
}

// Difference is one cell of two sweeps. Accuracies are in 0..1.
type Difference struct {
	// Condition and BatchSize are those of A, should two single runs have
	// different ones.
	Condition string `json:"condition"`
	BatchSize int    `json:"batch_size"`
	A         Cell   `json:"a"`
	B         Cell   `json:"b"`
	// Accuracy is B's mean less A's.
	Accuracy float64 `json:"difference"`
	// Error is its standard error, sqrt(sdA²/nA + sdB²/nB) (Welch 1947); nil
	// unless both have two runs or more.
	Error *float64 `json:"standard_error"`
}

// Compare sets the cells of a and b against each other. Two single runs are
// compared whatever their conditions and batch sizes.
func Compare(a, b *Sweep) Comparison {
	c := Comparison{A: a.Dir, B: b.Dir, Cells: []Difference{}, OnlyA: []string{}, OnlyB: []string{}}
	ours, theirs := a.done(), b.done()
	if len(a.Runs) == 1 && len(b.Runs) == 1 && len(ours) == 1 && len(theirs) == 1 {
		theirs[0].condition, theirs[0].BatchSize = ours[0].condition, ours[0].BatchSize
	}
	for _, x := range ours {
		i := slices.IndexFunc(theirs, x.same)
		if i < 0 {
			c.OnlyA = append(c.OnlyA, x.String())
			continue
		}
		c.Cells = append(c.Cells, difference(x, theirs[i]))
	}
	for _, y := range theirs {
		if !slices.ContainsFunc(ours, y.same) {
			c.OnlyB = append(c.OnlyB, y.String())
		}
	}
	return c
}

// namedCell is a cell and its row and column.
type namedCell struct {
	condition string
	Cell
}

func (c namedCell) same(d namedCell) bool {
	return c.condition == d.condition && c.BatchSize == d.BatchSize
}

func (c namedCell) String() string { return fmt.Sprintf("%s, batch size %d", c.condition, c.BatchSize) }

// done gives the cells with a finished run.
func (s *Sweep) done() []namedCell {
	var cells []namedCell
	for _, c := range s.Table(DefaultDrop).Conditions {
		for _, cell := range c.Cells {
			if cell.N > 0 {
				cells = append(cells, namedCell{c.Name, cell})
			}
		}
	}
	return cells
}

func difference(a, b namedCell) Difference {
	d := Difference{
		Condition: a.condition, BatchSize: a.BatchSize, A: a.Cell, B: b.Cell,
		Accuracy: *b.Accuracy - *a.Accuracy,
	}
	if a.SD != nil && b.SD != nil {
		e := math.Sqrt(*a.SD**a.SD/float64(a.N) + *b.SD**b.SD/float64(b.N))
		d.Error = &e
	}
	return d
}

// WriteText prints the comparison for a terminal.
func (c Comparison) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "A: %s\nB: %s\n\nFinal validation accuracy in percent, and the difference B - A in points\n± its standard error, sqrt(sdA²/nA + sdB²/nB).\n\n", c.A, c.B)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "condition\tbatch size\tA\tn\tB\tn\tB - A\t")
	for _, d := range c.Cells {
		text := fmt.Sprintf("%+.2f", 100*d.Accuracy)
		if d.Error != nil {
			text += fmt.Sprintf(" ± %.2f", 100**d.Error)
		}
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%d\t%.2f\t%d\t%s\t\n",
			d.Condition, d.BatchSize, 100**d.A.Accuracy, d.A.N, 100**d.B.Accuracy, d.B.N, text)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, only := range []struct {
		name  string
		cells []string
	}{{"A", c.OnlyA}, {"B", c.OnlyB}} {
		if len(only.cells) > 0 {
			fmt.Fprintf(w, "\nOnly in %s:\n  %s\n", only.name, strings.Join(only.cells, "\n  "))
		}
	}
	return nil
}
