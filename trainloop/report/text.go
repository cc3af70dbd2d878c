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

// Text is what the cell says in a table, in percent.
func (c Cell) Text() string {
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

// Caption says what the numbers are.
func (t Table) Caption() string {
	if len(t.Seeds) == 1 {
		return "Validation accuracy after the last epoch, in percent; one run each."
	}
	return fmt.Sprintf("Validation accuracy after the last epoch, in percent: mean ± sample standard deviation over n = %d seeds.", len(t.Seeds))
}

// BestText and HoldsText are the last rows of the table.
func (c Condition) BestText() string {
	if c.BestAccuracy == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f at %d", 100**c.BestAccuracy, *c.BestBatchSize)
}

// HoldsText names the batch size, and says so if no larger one is finished that
// could show an end.
func (c Condition) HoldsText() string {
	if c.HoldsTo == nil {
		return "-"
	}
	done := slices.DeleteFunc(slices.Clone(c.Cells), func(c Cell) bool { return c.Accuracy == nil })
	if len(done) > 1 && *c.HoldsTo == done[len(done)-1].BatchSize {
		return fmt.Sprintf("%d or more", *c.HoldsTo)
	}
	return strconv.Itoa(*c.HoldsTo)
}

// WriteText prints the table for a terminal. Of a single batch size there is no best
// one, and none that a condition holds to.
func (t Table) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s\n\n", t.Caption())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	t.row(table, "batch size", func(c Condition) string { return c.Name })
	for i, batch := range t.BatchSizes {
		t.row(table, strconv.Itoa(batch), func(c Condition) string { return c.Cells[i].Text() })
	}
	text := ""
	if t.judges() {
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

// list is what there is to say of some runs, a line each.
type list struct {
	Title string
	Items []string
}

// lists are those that are not empty.
func (t Table) lists() []list {
	all := []list{{t.InitialTitle(), t.Initial}, {"Not done", t.Open}, {"Stopped early", t.Stopped}}
	return slices.DeleteFunc(all, func(l list) bool { return len(l.Items) == 0 })
}

// judges tells whether there are batch sizes to choose from.
func (t Table) judges() bool { return len(t.BatchSizes) > 1 }

func (t Table) row(w io.Writer, name string, text func(Condition) string) {
	fmt.Fprint(w, name, "\t")
	for _, c := range t.Conditions {
		fmt.Fprint(w, text(c), "\t")
	}
	fmt.Fprintln(w)
}

// writeCSV writes one row for each cell. Means are over the runs that are done
// and empty where there are none.
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

// means are the means over the finished runs of what is neither accuracy nor
// its spread.
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
		mean, _ := spread(values)
		texts[k] = digits(mean)
	}
	return texts
}

// digits writes ten significant digits, nothing for nil.
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

// grouped writes a number with a comma between each three digits.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
