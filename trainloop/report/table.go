package report

import (
	"fmt"
	"math"
)

// DefaultDrop is the default of Table's dropPoints: a condition "holds" as long as its
// accuracy is at most this many percentage points below its best.
const DefaultDrop = 2

// Table is accuracy against batch size for each condition.
type Table struct {
	Name       string   `json:"name"`
	BatchSizes []int    `json:"batch_sizes"`
	Seeds      []uint64 `json:"seeds"`
	// DropPoints is how many percentage points below its best accuracy a condition may
	// fall and still hold. Definition says so in words.
	DropPoints float64     `json:"drop_points"`
	Definition string      `json:"definition"`
	Conditions []Condition `json:"conditions"`
	// Open describes the runs that are not done, and Stopped the runs that stopped early.
	Open    []string `json:"open"`
	Stopped []string `json:"stopped_early,omitempty"`
	// Initial describes the cells in which the initial values still had a share in
	// BatchNorm's running statistics; see rundir.Summary.InitialStatistics.
	Initial []string `json:"initial_statistics,omitempty"`
}

// Condition is one line of the figure.
type Condition struct {
	Name string `json:"condition"`
	// BestAccuracy (0..1) is the best mean accuracy, and BestBatchSize the batch size that
	// has it. Both are nil if no run is done.
	BestBatchSize *int     `json:"best_batch_size"`
	BestAccuracy  *float64 `json:"best_val_accuracy"`
	// HoldsTo is the largest batch size within DropPoints of the best.
	HoldsTo *int `json:"holds_to"`
	// Cells are in the order of the batch sizes.
	Cells []Average `json:"cells"`
}

// Average sums up the runs of one condition at one batch size, over all seeds.
type Average struct {
	BatchSize int `json:"batch_size"`
	// Runs is the number of seeds, and N the number of runs that are done.
	Runs int `json:"runs"`
	N    int `json:"n"`
	// Accuracy (0..1) is the mean of the final validation accuracies of the
	// runs that are done, nil if none is; SD is their sample standard deviation,
	// nil for fewer than two.
	Accuracy *float64 `json:"val_accuracy"`
	SD       *float64 `json:"val_accuracy_sd"`
	// State is Done if all runs are, and otherwise the worst state of a run.
	State State `json:"state"`
	// Progress, if no run of the cell is done, describes the last epoch of the run with
	// the most epochs, and says if that run failed.
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
			c.Cells = append(c.Cells, newAverage(batch, s.cell(name, batch)))
		}
		c.findBest(dropPoints)
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

func newAverage(batch int, runs []Run) Average {
	c := Average{BatchSize: batch, Runs: len(runs), State: Done}
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
	c.Accuracy, c.SD = meanAndSD(accuracies)
	if c.N == 0 && furthest != nil {
		c.Progress = fmt.Sprintf("%.2f at %d/%d", 100*furthest.Last().ValAccuracy, len(furthest.History), furthest.Epochs)
		if furthest.State == Failed {
			c.Progress = "failed, " + c.Progress
		}
	}
	return c
}

// worse returns the state that needs more attention.
func worse(a, b State) State {
	order := []string{string(Done), string(Running), string(Missing), string(Failed)}
	if rank(order, string(b)) > rank(order, string(a)) {
		return b
	}
	return a
}

// meanAndSD returns the mean and the sample standard deviation, each nil if it is not
// defined.
func meanAndSD(values []float64) (mean, sd *float64) {
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

// findBest finds the best cell and the batch size that the condition holds to.
func (c *Condition) findBest(dropPoints float64) {
	for i := range c.Cells {
		cell := &c.Cells[i]
		if cell.Accuracy != nil && (c.BestAccuracy == nil || *cell.Accuracy > *c.BestAccuracy) {
			c.BestAccuracy, c.BestBatchSize = cell.Accuracy, &cell.BatchSize
		}
	}
	for i := range c.Cells {
		cell := &c.Cells[i]
		// A difference of exactly dropPoints counts, even after rounding.
		if cell.Accuracy != nil && 100*(*c.BestAccuracy-*cell.Accuracy) <= dropPoints+1e-9 {
			c.HoldsTo = &cell.BatchSize
		}
	}
}

// describe describes the progress of the run.
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

// stopped says why and after which epoch the run stopped early, and from which epoch its
// model is. It is empty if the run did not stop early.
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

// label names a run by condition, batch size and, if there are several seeds, seed.
func (s *Sweep) label(r *Run) string {
	text := fmt.Sprintf("%s, batch size %d", r.Condition, r.BatchSize)
	if len(s.Seeds) > 1 {
		text += fmt.Sprintf(", seed %d", r.Seed)
	}
	return text
}
