package report

import (
	"fmt"
	"math"
	"slices"
)

// Comparison compares the first of several sweeps or runs with each of the others.
type Comparison struct {
	// Directories are the paths that were given to Load. WriteText calls them A, B and
	// so on.
	Directories []string `json:"directories"`
	// Settings are the settings that differ. Unkept lists the directories without a
	// configuration; their settings are unknown.
	Settings []Setting `json:"settings"`
	Unkept   []string  `json:"settings_unkept,omitempty"`
	// Pairs compares the first directory with each of the others, in order.
	Pairs []Pair `json:"comparisons"`
}

// Pair compares two sweeps or two runs, A and B.
type Pair struct {
	// A and B are the directories.
	A string `json:"a"`
	B string `json:"b"`
	// Cells has the cells for which both have a finished run.
	Cells []Difference `json:"cells"`
	// OnlyA and OnlyB name the cells for which one has a finished run, and the other no
	// run at all.
	OnlyA []string `json:"only_a"`
	OnlyB []string `json:"only_b"`
	// OpenA and OpenB describe the runs that are not done.
	OpenA []string `json:"open_a"`
	OpenB []string `json:"open_b"`
}

// Difference compares one cell of two sweeps, or two single runs, which may be of
// different cells. Accuracies are in 0..1.
type Difference struct {
	// Condition and BatchSize are the cell in A, ConditionB is the condition in B.
	Condition  string  `json:"condition"`
	ConditionB string  `json:"condition_b"`
	BatchSize  int     `json:"batch_size"`
	A          Average `json:"a"`
	B          Average `json:"b"`
	// Accuracy is the mean of B minus the mean of A.
	Accuracy float64 `json:"difference"`
	// Error is the standard error of Accuracy, sqrt(sdA²/nA + sdB²/nB) (Welch 1947). It
	// is nil unless both have at least two runs.
	Error *float64 `json:"standard_error"`
}

// Compare compares the first sweep with each of the others, of which there must be at
// least one, and lists the settings that differ. Two single runs are compared even if
// their conditions and batch sizes differ.
func Compare(first *Sweep, others ...*Sweep) Comparison {
	all := append([]*Sweep{first}, others...)
	var c Comparison
	c.Settings, c.Unkept = differing(all)
	for i, s := range all {
		c.Directories = append(c.Directories, s.Dir)
		if i > 0 {
			c.Pairs = append(c.Pairs, compare(first, s))
		}
	}
	return c
}

// compare compares the cells of a and b.
func compare(a, b *Sweep) Pair {
	c := Pair{
		A: a.Dir, B: b.Dir, Cells: []Difference{}, OnlyA: []string{}, OnlyB: []string{},
		OpenA: a.Table(DefaultDrop).Open, OpenB: b.Table(DefaultDrop).Open,
	}
	ours, theirs := a.done(), b.done()
	if len(a.Runs) == 1 && len(b.Runs) == 1 && len(ours) == 1 && len(theirs) == 1 {
		c.Cells = append(c.Cells, difference(ours[0], theirs[0]))
		return c
	}
	for _, x := range ours {
		if i := slices.IndexFunc(theirs, x.same); i >= 0 {
			c.Cells = append(c.Cells, difference(x, theirs[i]))
		} else if !b.has(x) {
			c.OnlyA = append(c.OnlyA, x.String())
		}
	}
	for _, y := range theirs {
		if !a.has(y) {
			c.OnlyB = append(c.OnlyB, y.String())
		}
	}
	return c
}

// namedAverage is an average with the name of its condition.
type namedAverage struct {
	condition string
	Average
}

func (c namedAverage) same(d namedAverage) bool {
	return c.condition == d.condition && c.BatchSize == d.BatchSize
}

func (c namedAverage) String() string {
	return fmt.Sprintf("%s, batch size %d", c.condition, c.BatchSize)
}

// done returns the cells with at least one finished run.
func (s *Sweep) done() []namedAverage {
	var cells []namedAverage
	for _, c := range s.Table(DefaultDrop).Conditions {
		for _, cell := range c.Cells {
			if cell.N > 0 {
				cells = append(cells, namedAverage{c.Name, cell})
			}
		}
	}
	return cells
}

// has reports whether a run of the cell has begun.
func (s *Sweep) has(c namedAverage) bool {
	return slices.ContainsFunc(s.cell(c.condition, c.BatchSize), func(r Run) bool { return r.State != Missing })
}

func difference(a, b namedAverage) Difference {
	d := Difference{
		Condition: a.condition, ConditionB: b.condition, BatchSize: a.BatchSize, A: a.Average, B: b.Average,
		Accuracy: *b.Accuracy - *a.Accuracy,
	}
	if a.SD != nil && b.SD != nil {
		e := math.Sqrt(*a.SD**a.SD/float64(a.N) + *b.SD**b.SD/float64(b.N))
		d.Error = &e
	}
	return d
}
