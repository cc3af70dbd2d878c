package report

import (
	"fmt"
	"math"
)

// DefaultDrop is within how many percentage points of its best accuracy a
// condition counts as holding.
const DefaultDrop = 2

// Table is accuracy against batch size for each condition.
type Table struct {
	Name       string   `json:"name"`
	BatchSizes []int    `json:"batch_sizes"`
	Seeds      []uint64 `json:"seeds"`
	// DropPoints is within how many percentage points a condition holds, and
	// Definition says so in words.
	DropPoints float64     `json:"drop_points"`
	Definition string      `json:"definition"`
	Conditions []Condition `json:"conditions"`
	// Open are the runs that are not done, Stopped those that ended before all their
	// epochs were trained, in words.
	Open    []string `json:"open"`
	Stopped []string `json:"stopped_early,omitempty"`
	// Initial are the cells in which part of BatchNorm's running statistics was still
	// what they began with, in words; see rundir.Summary.InitialStatistics.
	Initial []string `json:"initial_statistics,omitempty"`
}

// Condition is one line of the figure.
type Condition struct {
	Name string `json:"condition"`
	// BestBatchSize has the best mean accuracy, BestAccuracy (0..1). Both are
	// nil when no run is done.
	BestBatchSize *int     `json:"best_batch_size"`
	BestAccuracy  *float64 `json:"best_val_accuracy"`
	// HoldsTo is the largest batch size within DropPoints of the best.
	HoldsTo *int `json:"holds_to"`
	// Cells are in the order of the batch sizes.
	Cells []Cell `json:"cells"`
}

// Cell is a condition at a batch size.
type Cell struct {
	BatchSize int `json:"batch_size"`
	// Runs is the number of seeds, N of those whose run is done.
	Runs int `json:"runs"`
	N    int `json:"n"`
	// Accuracy (0..1) is the mean of the final validation accuracies of the
	// runs that are done, nil if none is; SD is their sample standard deviation,
	// nil for fewer than two.
	Accuracy *float64 `json:"val_accuracy"`
	SD       *float64 `json:"val_accuracy_sd"`
	// State is Done when all runs are, else the worst of its runs' states.
	State State `json:"state"`
	// Progress, for a cell in which no run is done, is the furthest run's last
	// epoch, and says so if that run failed there.
	Progress string `json:"progress,omitempty"`
}

// Table computes the table. dropPoints is in percentage points, 0 or more.
func (s *Sweep) Table(dropPoints float64) Table {
	t := Table{
		Name: s.Name, BatchSizes: s.BatchSizes, Seeds: s.Seeds, DropPoints: dropPoints,
		Definition: fmt.Sprintf("A condition holds to the largest batch size whose mean accuracy is within %.4g points of the condition's best.", dropPoints),
		Open:       []string{},
		Initial:    s.initial(),
	}
	for _, name := range s.Conditions {
		c := Condition{Name: name}
		for _, batch := range s.BatchSizes {
			c.Cells = append(c.Cells, newCell(batch, s.cell(name, batch)))
		}
		c.judge(dropPoints)
		t.Conditions = append(t.Conditions, c)
	}
	for i := range s.Runs {
		r := &s.Runs[i]
		if r.State != Done {
			t.Open = append(t.Open, s.label(r)+": "+r.describe())
		} else if stopped := r.stopped(); stopped != "" {
			t.Stopped = append(t.Stopped, s.label(r)+": "+stopped)
		}
	}
	return t
}

func newCell(batch int, runs []Run) Cell {
	c := Cell{BatchSize: batch, Runs: len(runs), State: Done}
	var accuracies []float64
	var furthest *Run
	for i := range runs {
		r := &runs[i]
		c.State = worse(c.State, r.State)
		if r.State == Done {
			accuracies = append(accuracies, r.Last().ValAccuracy)
		} else if len(r.History) > 0 && (furthest == nil || len(r.History) > len(furthest.History)) {
			furthest = r
		}
	}
	c.N = len(accuracies)
	c.Accuracy, c.SD = spread(accuracies)
	if c.N == 0 && furthest != nil {
		c.Progress = fmt.Sprintf("%.2f at %d/%d", 100*furthest.Last().ValAccuracy, len(furthest.History), furthest.Epochs)
		if furthest.State == Failed {
			c.Progress = "failed, " + c.Progress
		}
	}
	return c
}

// worse is the state that needs more attention.
func worse(a, b State) State {
	order := []string{string(Done), string(Running), string(Missing), string(Failed)}
	if rank(order, string(b)) > rank(order, string(a)) {
		return b
	}
	return a
}

// spread gives the mean and the sample standard deviation, each nil where it
// is not defined.
func spread(values []float64) (mean, sd *float64) {
	n := float64(len(values))
	if n == 0 {
		return nil, nil
	}
	var m, squares float64
	for _, v := range values {
		m += v / n
	}
	if n == 1 {
		return &m, nil
	}
	for _, v := range values {
		squares += (v - m) * (v - m)
	}
	d := math.Sqrt(squares / (n - 1))
	return &m, &d
}

// judge finds the best cell and the one up to which the condition holds.
func (c *Condition) judge(dropPoints float64) {
	for i := range c.Cells {
		cell := &c.Cells[i]
		if cell.Accuracy != nil && (c.BestAccuracy == nil || *cell.Accuracy > *c.BestAccuracy) {
			c.BestAccuracy, c.BestBatchSize = cell.Accuracy, &cell.BatchSize
		}
	}
	for i := range c.Cells {
		cell := &c.Cells[i]
		// A difference of exactly dropPoints counts, whatever the rounding.
		if cell.Accuracy != nil && 100*(*c.BestAccuracy-*cell.Accuracy) <= dropPoints+1e-9 {
			c.HoldsTo = &cell.BatchSize
		}
	}
}

// describe says in words how far the run has come.
func (r *Run) describe() string {
	switch {
	case r.State == Missing:
		return "missing"
	case r.State == Failed && len(r.History) == 0:
		return "failed: " + r.Failure
	case r.State == Failed:
		return fmt.Sprintf("failed after %d of %d epochs: %s", len(r.History), r.Epochs, r.Failure)
	}
	return fmt.Sprintf("%d of %d epochs done", len(r.History), r.Epochs)
}

// stopped says after which epoch the run stopped early, why, and of which epoch its
// model is; it is empty if the run did not.
func (r *Run) stopped() string {
	if r.Summary == nil || r.Summary.StoppedEpoch == nil {
		return ""
	}
	text := r.Summary.StoppedText(r.Epochs)
	if r.Summary.StopReason != "" {
		text += ", as " + r.Summary.StopReason
	}
	if restored := r.Summary.RestoredText(); restored != "" {
		text += "; its model is " + restored
	}
	return text
}

// label names a run: with its seed only where there are several.
func (s *Sweep) label(r *Run) string {
	text := fmt.Sprintf("%s, batch size %d", r.Condition, r.BatchSize)
	if len(s.Seeds) > 1 {
		text += fmt.Sprintf(", seed %d", r.Seed)
	}
	return text
}
