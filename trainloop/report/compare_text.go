package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// letter returns the short name of the i-th directory: A to Z, then A1 and so on.
func letter(i int) string {
	text := string(rune('A' + i%26))
	if i >= 26 {
		text += strconv.Itoa(i / 26)
	}
	return text
}

// WriteText prints the comparison for a terminal.
func (c Comparison) WriteText(w io.Writer) error {
	for i, dir := range c.Directories {
		fmt.Fprintf(w, "%s: %s\n", letter(i), dir)
	}
	fmt.Fprintln(w)
	if err := c.writeSettings(w); err != nil {
		return err
	}
	if err := c.writeCells(w); err != nil {
		return err
	}
	for _, l := range c.lists() {
		fmt.Fprintf(w, "\n%s:\n  %s\n", l.Title, strings.Join(l.Items, "\n  "))
	}
	return nil
}

// lists returns the cells that only one directory has, and the runs that are not done.
func (c Comparison) lists() []list {
	lists := []list{}
	for i, p := range c.Pairs {
		inA, inB := "Only in A", "Only in B"
		if len(c.Pairs) > 1 {
			inA, inB = "In A, not in "+letter(i+1), "In "+letter(i+1)+", not in A"
		}
		lists = append(lists, list{inA, p.OnlyA}, list{inB, p.OnlyB})
	}
	lists = append(lists, list{"Not done in A", c.Pairs[0].OpenA})
	for i, p := range c.Pairs {
		lists = append(lists, list{"Not done in " + letter(i+1), p.OpenB})
	}
	return slices.DeleteFunc(lists, func(l list) bool { return len(l.Items) == 0 })
}

// comparedRow is a row of the table: a cell of A, and how the same cell of each other
// directory differs from it; nil if that has no finished run.
type comparedRow struct {
	condition string
	a         Average
	others    []*Difference
}

// rows collects the pairs of each cell of A in one row.
func (c Comparison) rows() []comparedRow {
	var rows []comparedRow
	for i, p := range c.Pairs {
		for k := range p.Cells {
			d := &p.Cells[k]
			at := slices.IndexFunc(rows, func(r comparedRow) bool { return r.condition == d.Condition && r.a.BatchSize == d.BatchSize })
			if at < 0 {
				at = len(rows)
				rows = append(rows, comparedRow{d.Condition, d.A, make([]*Difference, len(c.Pairs))})
			}
			rows[at].others[i] = d
		}
	}
	return rows
}

func (c Comparison) writeCells(w io.Writer) error {
	rows := c.rows()
	if len(rows) == 0 {
		_, err := fmt.Fprintf(w, "No cell is done in %s.\n", map[bool]string{true: "both", false: "A and another"}[len(c.Pairs) == 1])
		return err
	}
	fmt.Fprintf(w, "Final validation accuracy in percent, and the difference %s in points\n± its standard error, sqrt(sdA²/nA + sdB²/nB).\n\n",
		map[bool]string{true: "B - A", false: "to A"}[len(c.Pairs) == 1])
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "condition\tbatch size\tA\tn\t")
	for i := range c.Pairs {
		fmt.Fprintf(t, "%[1]s\tn\t%[1]s - A\t", letter(i+1))
	}
	fmt.Fprintln(t)
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%.2f\t%d\t", r.conditions(), r.batchSizes(), 100**r.a.Accuracy, r.a.N)
		for _, d := range r.others {
			fmt.Fprint(t, d.columns())
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// columns returns the columns of B: its accuracy, number of runs and difference to A.
func (d *Difference) columns() string {
	if d == nil {
		return "-\t-\t-\t"
	}
	text := fmt.Sprintf("%+.2f", 100*d.Accuracy)
	if d.Error != nil {
		text += fmt.Sprintf(" ± %.2f", 100**d.Error)
	}
	return fmt.Sprintf("%.2f\t%d\t%s\t", 100**d.B.Accuracy, d.B.N, text)
}

// conditions and batchSizes return the condition or batch size of the row, or if the
// directories differ in it, that of each.
func (r comparedRow) conditions() string {
	return r.ofAll(r.condition, func(d *Difference) string { return d.ConditionB })
}

func (r comparedRow) batchSizes() string {
	return r.ofAll(strconv.Itoa(r.a.BatchSize), func(d *Difference) string { return strconv.Itoa(d.B.BatchSize) })
}

func (r comparedRow) ofAll(a string, ofOther func(*Difference) string) string {
	all := []string{a}
	for _, d := range r.others {
		if d != nil {
			all = append(all, ofOther(d))
		}
	}
	if len(slices.Compact(slices.Clone(all))) == 1 {
		return a
	}
	return strings.Join(all, " / ")
}
