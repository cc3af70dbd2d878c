package report

import (
	"fmt"
	"slices"
	"strings"

	"onnxlab/trainloop/rundir"
)

// column is one of the values that the page shows for each run.
type column struct {
	// short is the name of the column in a table, long its name in a list.
	short, long string
	// unit follows the value in a list.
	unit string
	// value returns the value as text, or "" if the run has none. The table leaves out a
	// column for which no run has a value.
	value func(*Run, rundir.Summary) string
}

func columns() []column {
	text := func(format string, value func(*Run, rundir.Summary) any) func(*Run, rundir.Summary) string {
		return func(r *Run, s rundir.Summary) string { return fmt.Sprintf(format, value(r, s)) }
	}
	return []column{
		{"accuracy", "validation accuracy", " %", func(_ *Run, s rundir.Summary) string { return percent(s.ValAccuracy) }},
		{"best", "best validation accuracy", " %", func(_ *Run, s rundir.Summary) string { return percent(s.BestValAccuracy) }},
		{"in epoch", "best epoch", "", text("%d", func(_ *Run, s rundir.Summary) any { return s.BestEpoch + 1 })},
		{"model of", "model of epoch", "", modelOf},
		{"mAP", "mean average precision", " %", multiLabel(func(s rundir.Summary) float64 { return s.ValMAP })},
		{"F1", "micro F1", " %", multiLabel(func(s rundir.Summary) float64 { return s.ValF1 })},
		{"training", "training accuracy", " %", func(_ *Run, s rundir.Summary) string { return percent(s.Accuracy) }},
		{"val. loss", "validation loss", "", text("%.4f", func(_ *Run, s rundir.Summary) any { return s.ValLoss })},
		{"tr. loss", "training loss", "", text("%.4f", func(_ *Run, s rundir.Summary) any { return s.Loss })},
		{"epochs", "epochs", "", func(r *Run, s rundir.Summary) string { return fmt.Sprintf("%d/%d", s.Epochs, r.Epochs) }},
		{"steps", "steps", "", text("%d", func(_ *Run, s rundir.Summary) any { return s.Steps })},
		{"skipped", "steps that mixed precision left out", "", skipped},
		{"images/s", "images per second", "", text("%.0f", func(_ *Run, s rundir.Summary) any { return s.ImagesPerSecond })},
		{"waiting", "waited for images", "", text("%.1f %%", func(_ *Run, s rundir.Summary) any { return 100 * s.DataWait })},
		{"time", "time", "", func(_ *Run, s rundir.Summary) string { return duration(s.Seconds) }},
	}
}

// multiLabel returns a function that returns a share as percent, or "" if each image has one class.
func multiLabel(share func(rundir.Summary) float64) func(*Run, rundir.Summary) string {
	return func(r *Run, s rundir.Summary) string {
		if !r.Last().MultiLabel {
			return ""
		}
		return percent(share(s))
	}
}

// modelOf returns the epoch of the model, or "" if it is the last one.
func modelOf(r *Run, _ rundir.Summary) string {
	if r.Summary == nil || r.Summary.RestoredEpoch == nil {
		return ""
	}
	return fmt.Sprint(*r.Summary.RestoredEpoch + 1)
}

func skipped(r *Run, _ rundir.Summary) string {
	if r.Summary == nil || r.Summary.SkippedSteps == 0 {
		return ""
	}
	return fmt.Sprint(r.Summary.SkippedSteps)
}

// text returns the value of the column. It is empty before the first epoch has ended.
func (c column) text(r *Run) string {
	if len(r.History) == 0 {
		return ""
	}
	return c.value(r, rundir.Summarize(r.History))
}

// shownColumns returns the columns in which at least one run has a value.
func (s *Sweep) shownColumns() []column {
	return slices.DeleteFunc(columns(), func(c column) bool {
		return !slices.ContainsFunc(s.Runs, func(r Run) bool { return c.text(&r) != "" })
	})
}

// runRow is one line of the table of runs.
type runRow struct {
	rundir.Key
	State State
	// StateText is the state in words, with whether the run stopped early.
	StateText string
	Values    []string
}

func (s *Sweep) runColumns() []string {
	names := []string{"batch size", "seed", "state"}
	for _, c := range s.shownColumns() {
		names = append(names, c.short)
	}
	return names
}

func (s *Sweep) runRows() []runRow {
	shown := s.shownColumns()
	rows := make([]runRow, len(s.Runs))
	for i := range s.Runs {
		r := &s.Runs[i]
		rows[i] = runRow{Key: r.Key, State: r.State, StateText: r.stateText()}
		for _, c := range shown {
			value := c.text(r)
			if value == "" {
				value = "–"
			}
			rows[i].Values = append(rows[i].Values, value)
		}
	}
	return rows
}

// stateText returns the state, and says if the run stopped early.
func (r *Run) stateText() string {
	if r.stopped() != "" {
		return string(r.State) + ", stopped early"
	}
	return string(r.State)
}

// results returns the values of a single run, for a list.
func (r *Run) results() []fact {
	facts := []fact{{"state", r.stateText()}}
	for _, c := range columns() {
		if value := c.text(r); value != "" {
			facts = append(facts, fact{c.long, value + c.unit})
		}
	}
	return facts
}

func percent(share float64) string { return fmt.Sprintf("%.2f", 100*share) }

// duration formats a duration in seconds, minutes or hours.
func duration(seconds float64) string {
	switch {
	case seconds < 100:
		return fmt.Sprintf("%.1f s", seconds)
	case seconds < 100*60:
		return fmt.Sprintf("%.1f min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

// environment describes the software, machine and data that some of the runs share.
type environment struct {
	Runs  string // the names of the runs
	Facts []fact
}

type fact struct{ Name, Value string }

// environments groups the runs by equal facts about their environment.
func (s *Sweep) environments() []environment {
	var list []environment
	var names [][]string
	for i := range s.Runs {
		r := &s.Runs[i]
		if r.Environment == nil {
			continue
		}
		facts := r.facts()
		k := slices.IndexFunc(list, func(e environment) bool { return slices.Equal(e.Facts, facts) })
		if k < 0 {
			k = len(list)
			list, names = append(list, environment{Facts: facts}), append(names, nil)
		}
		names[k] = append(names[k], s.label(r))
	}
	for k := range list {
		list[k].Runs = strings.Join(names[k], "; ")
	}
	return list
}

// facts lists what is known about the environment of the run.
func (r *Run) facts() []fact {
	e := r.Environment
	facts := []fact{
		{"onnxlab", e.Toolkit},
		{"ONNX Runtime", e.ONNXRuntime},
		{"Go", e.Go},
		{"platform", e.Platform},
		{"processor", e.CPU.Model},
		{"kernels", e.CPU.Kernels},
		{"cores", fmt.Sprint(e.CPU.Cores)},
		{"threads", fmt.Sprint(e.Threads)},
		{"device", string(e.Device)},
		{"data", e.Data.Source},
		{"images", fmt.Sprintf("%d for training, %d for validation", e.Data.Train, e.Data.Validation)},
		{"data SHA-256", e.Data.Hash},
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" || f.Value == "0" })
}
