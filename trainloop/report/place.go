package report

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// place sets Conditions, BatchSizes and Seeds, and sorts the runs into Runs. It adds a
// Missing run for each cell without one.
func (s *Sweep) place(runs []Run) {
	longest := 0
	if plan := s.Config; plan != nil {
		s.Conditions = slices.Clone(plan.Sweep.Conditions)
		s.BatchSizes = slices.Clone(plan.Sweep.BatchSizes)
		s.Seeds = slices.Clone(plan.Sweep.Seeds)
		longest = plan.Train.Epochs
	}
	known := append(slices.Clone(s.Conditions), configs.Conditions()...)
	at := map[rundir.Key]Run{}
	for _, r := range withSeeds(runs, s.Seeds) {
		at[r.Key] = r
		s.Conditions = append(s.Conditions, r.Condition)
		s.BatchSizes = append(s.BatchSizes, r.BatchSize)
		s.Seeds = append(s.Seeds, r.Seed)
		longest = max(longest, len(r.History))
	}
	s.Conditions = ordered(s.Conditions, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(known, a), rank(known, b)), cmp.Compare(a, b))
	})
	s.BatchSizes = ordered(s.BatchSizes, cmp.Compare)
	s.Seeds = ordered(s.Seeds, cmp.Compare)
	for _, condition := range s.Conditions {
		for _, batch := range s.BatchSizes {
			for _, seed := range s.Seeds {
				cell := rundir.Key{Condition: condition, BatchSize: batch, Seed: seed}
				r, ok := at[cell]
				if !ok {
					r = Run{Key: cell, State: Missing}
				}
				r.settle(longest)
				s.Runs = append(s.Runs, r)
			}
		}
	}
}

// withSeeds guesses the seed of each run that does not know its own. The directory of such
// a run was made while the sweep had one seed. So the run gets the seed of other
// directories from that time, or else the first planned seed, or else a seed of another
// run, but no seed for which the cell already has a run. If no seed is known at all, it
// gets 0.
//
// If there is only a failure.json, and no seed is left for it, withSeeds drops the run:
// the cell has run again in a directory that names the seed.
func withSeeds(runs []Run, planned []uint64) []Run {
	var alone, others []uint64
	taken := map[rundir.Key]bool{}
	for i := range runs {
		r := &runs[i]
		switch {
		case r.seedUnknown:
			continue
		case filepath.Base(r.Dir) == strconv.Itoa(r.BatchSize):
			alone = append(alone, r.Seed)
		default:
			others = append(others, r.Seed)
		}
		taken[r.Key] = true
	}
	candidates := slices.Concat(alone, planned, others)
	if len(candidates) == 0 {
		candidates = []uint64{0}
	}
	var placed []Run
	for _, r := range runs {
		if !r.seedUnknown || r.takeSeed(candidates, taken) {
			placed = append(placed, r)
		}
	}
	return placed
}

// takeSeed sets the run's seed to the first candidate for which its cell has no other run.
// If there is none, a run with a history gets the lowest free number; for a run without a
// history, takeSeed returns false.
func (r *Run) takeSeed(candidates []uint64, taken map[rundir.Key]bool) bool {
	free := func(seed uint64) bool {
		return !taken[rundir.Key{Condition: r.Condition, BatchSize: r.BatchSize, Seed: seed}]
	}
	i := slices.IndexFunc(candidates, free)
	switch {
	case i >= 0:
		r.Seed = candidates[i]
	case len(r.History) == 0:
		return false
	default:
		for r.Seed = 0; !free(r.Seed); {
			r.Seed++
		}
	}
	r.seedUnknown = false
	taken[r.Key] = true
	return true
}

func ordered[T comparable](list []T, compare func(a, b T) int) []T {
	slices.SortFunc(list, compare)
	return slices.Compact(list)
}

// rank returns the index of name in the list, or the length of the list if it is not there.
func rank(list []string, name string) int {
	if i := slices.Index(list, name); i >= 0 {
		return i
	}
	return len(list)
}
