package report

import (
	"fmt"
	"math"
	"slices"
)

// Comparison is sweeps, or runs, side by side: the first with each of the others.
type Comparison struct {
	// Directories are as they were given to Load. In text they are A, B and so on.
	Directories []string `json:"directories"`
	// Settings are those that differ. Unkept are the directories that did not keep
	// theirs, which are left out there.
	Settings []Setting `json:"settings"`
	Unkept   []string  `json:"settings_unkept,omitempty"`
	// Pairs are the first directory and each of the others, in their order.
	Pairs []Pair `json:"comparisons"`
}

// Pair is two sweeps, or two runs.
type Pair struct {
	// A and B are the directories.
	A string `json:"a"`
	B string `json:"b"`
	// Cells are those in which both have a finished run.
	Cells []Difference `json:"cells"`
	// OnlyA and OnlyB name the cells with a finished run of which the other has
	// no run at all.
	OnlyA []string `json:"only_a"`
	OnlyB []string `json:"only_b"`
	// OpenA and OpenB are the runs that are not done, in words.
	OpenA []string `json:"open_a"`
	OpenB []string `json:"open_b"`
}

// Difference is one cell of two sweeps, or two single runs of whatever cells.
// Accuracies are in 0..1.
type Difference struct {
	// Condition and BatchSize are those of A, ConditionB is B's.
	Condition  string `json:"condition"`
	ConditionB string `json:"condition_b"`
	BatchSize  int    `json:"batch_size"`
	A          Cell   `json:"a"`
	B          Cell   `json:"b"`
	// Accuracy is B's mean less A's.
	Accuracy float64 `json:"difference"`
	// Error is its standard error, sqrt(sdA²/nA + sdB²/nB) (Welch 1947); nil
	// unless both have two runs or more.
	Error *float64 `json:"standard_error"`
}

// Compare sets the first sweep against each of the others, of which there is one at
// least, and names the settings that differ. Two single runs are compared whatever
// their conditions and batch sizes.
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

// compare sets the cells of a and b against each other.
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

// has tells whether a run of the cell has begun.
func (s *Sweep) has(c namedCell) bool {
	return slices.ContainsFunc(s.cell(c.condition, c.BatchSize), func(r Run) bool { return r.State != Missing })
}

func difference(a, b namedCell) Difference {
	d := Difference{
		Condition: a.condition, ConditionB: b.condition, BatchSize: a.BatchSize, A: a.Cell, B: b.Cell,
		Accuracy: *b.Accuracy - *a.Accuracy,
	}
	if a.SD != nil && b.SD != nil {
		e := math.Sqrt(*a.SD**a.SD/float64(a.N) + *b.SD**b.SD/float64(b.N))
		d.Error = &e
	}
	return d
}
