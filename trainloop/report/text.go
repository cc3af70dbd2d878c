package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"onnxlab/trainloop/rundir"
)

// Text returns the cell's entry in a table, in percent.
func (c Average) Text() string {
	switch {
	case c.Accuracy == nil && c.Progress != "":
		return c.Progress
	case c.Accuracy == nil:
		return string(c.State)
	}
	text := fmt.Sprintf("%.2f", 100**c.Accuracy)
	if c.SD != nil {
		text += fmt.Sprintf(" ± %.2f", 100**c.SD)
	}
	if c.N < c.Runs {
		text += fmt.Sprintf(" (%d of %d)", c.N, c.Runs)
	}
	return text
}

// Caption explains the numbers of the table.
func (t Table) Caption() string {
	if len(t.Seeds) == 1 {
		return "Validation accuracy after the last epoch, in percent; one run each."
	}
	return fmt.Sprintf("Validation accuracy after the last epoch, in percent: mean ± sample standard deviation over n = %d seeds.", len(t.Seeds))
}

// BestText is the condition's entry in the row "best" of the table.
func (c Condition) BestText() string {
	if c.BestAccuracy == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f at %d", 100**c.BestAccuracy, *c.BestBatchSize)
}

// HoldsText is the condition's entry in the row "holds to" of the table. It ends with "or
// more" if no run with a larger batch size is done.
func (c Condition) HoldsText() string {
	if c.HoldsTo == nil {
		return "-"
	}
	done := slices.DeleteFunc(slices.Clone(c.Cells), func(c Average) bool { return c.Accuracy == nil })
	if len(done) > 1 && *c.HoldsTo == done[len(done)-1].BatchSize {
		return fmt.Sprintf("%d or more", *c.HoldsTo)
	}
	return strconv.Itoa(*c.HoldsTo)
}

// WriteText prints the table for a terminal. If there is only one batch size, it leaves out
// the rows "best" and "holds to".
func (t Table) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s\n\n", t.Caption())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	t.row(table, "batch size", func(c Condition) string { return c.Name })
	for i, batch := range t.BatchSizes {
		t.row(table, strconv.Itoa(batch), func(c Condition) string { return c.Cells[i].Text() })
	}
	text := ""
	if t.comparesBatchSizes() {
		t.row(table, "best", Condition.BestText)
		t.row(table, "holds to", Condition.HoldsText)
		text = "\n" + t.Definition + "\n"
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, l := range t.lists() {
		text += "\n" + l.Title + ":\n  " + strings.Join(l.Items, "\n  ") + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// list is a list of notes about runs, one line each.
type list struct {
	Title string
	Items []string
}

// lists returns the lists that are not empty.
func (t Table) lists() []list {
	all := []list{{t.InitialTitle(), t.Initial}, {"Not done", t.Open}, {"Stopped early", t.Stopped}}
	return slices.DeleteFunc(all, func(l list) bool { return len(l.Items) == 0 })
}

// comparesBatchSizes reports whether there is more than one batch size.
func (t Table) comparesBatchSizes() bool { return len(t.BatchSizes) > 1 }

func (t Table) row(w io.Writer, name string, text func(Condition) string) {
	fmt.Fprint(w, name, "\t")
	for _, c := range t.Conditions {
		fmt.Fprint(w, text(c), "\t")
	}
	fmt.Fprintln(w)
}

// writeCSV writes one row for each cell. Means are over the runs that are done, and empty
// if there are none.
func (s *Sweep) writeCSV(w io.Writer, t Table) error {
	rows := [][]string{{
		"condition", "batch_size", "n", "runs", "state", "val_accuracy", "val_accuracy_sd", "best_val_accuracy",
		"val_loss", "accuracy", "loss", "epochs", "steps", "seconds",
	}}
	for _, condition := range t.Conditions {
		for _, c := range condition.Cells {
			rows = append(rows, append([]string{
				condition.Name, strconv.Itoa(c.BatchSize), strconv.Itoa(c.N), strconv.Itoa(c.Runs), string(c.State),
				digits(c.Accuracy), digits(c.SD),
			}, means(s.cell(condition.Name, c.BatchSize))...))
		}
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// means returns the means over the finished runs for the remaining columns of writeCSV.
func means(runs []Run) []string {
	fields := make([][]float64, 7)
	for i := range runs {
		r := &runs[i]
		if r.State != Done {
			continue
		}
		sum := rundir.Summarize(r.History)
		for k, v := range []float64{
			sum.BestValAccuracy, sum.ValLoss, sum.Accuracy, sum.Loss,
			float64(sum.Epochs), float64(sum.Steps), sum.Seconds,
		} {
			fields[k] = append(fields[k], v)
		}
	}
	texts := make([]string, len(fields))
	for k, values := range fields {
		mean, _ := meanAndSD(values)
		texts[k] = digits(mean)
	}
	return texts
}

// digits formats a number with ten significant digits, and nil as "".
func digits(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'g', 10, 64)
}

func counted(n int, name string) string {
	if n == 1 {
		return "1 " + name
	}
	return fmt.Sprintf("%d %ss", n, name)
}

// grouped formats a number with commas as thousands separators.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
