package report

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// place finds the rows and columns and puts each run in its cell.
func (s *Sweep) place(runs []Run) {
	longest := 0
	if plan := s.Config; plan != nil {
		s.Conditions = slices.Clone(plan.Sweep.Conditions)
		s.BatchSizes = slices.Clone(plan.Sweep.BatchSizes)
		s.Seeds = slices.Clone(plan.Sweep.Seeds)
		longest = plan.Train.Epochs
	}
	known := append(slices.Clone(s.Conditions), configs.Conditions()...)
	at := map[rundir.Cell]Run{}
	for _, r := range withSeeds(runs, s.Seeds) {
		at[r.Cell] = r
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
				cell := rundir.Cell{Condition: condition, BatchSize: batch, Seed: seed}
				r, ok := at[cell]
				if !ok {
					r = Run{Cell: cell, State: Missing}
				}
				r.settle(longest)
				s.Runs = append(s.Runs, r)
			}
		}
	}
}

// withSeeds gives a seed to each run that does not tell its own. Its directory
// was made while the sweep had one seed, so it has the seed of the other
// directories from that time, or else the first planned seed, or else one that
// the other runs have. A seed of which the cell has another run is passed over.
// Where nothing tells of any seed, it is 0.
//
// A mark of failure for which no seed is left is dropped: the cell has run again
// in a directory that names the seed.
func withSeeds(runs []Run, planned []uint64) []Run {
	var alone, others []uint64
	taken := map[rundir.Cell]bool{}
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
		taken[r.Cell] = true
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

// takeSeed gives the run the first of the candidates that is free in its cell.
// If none is, a history takes the lowest number that is free; without a history
// it reports false.
func (r *Run) takeSeed(candidates []uint64, taken map[rundir.Cell]bool) bool {
	free := func(seed uint64) bool {
		return !taken[rundir.Cell{Condition: r.Condition, BatchSize: r.BatchSize, Seed: seed}]
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
	taken[r.Cell] = true
	return true
}

func ordered[T comparable](list []T, compare func(a, b T) int) []T {
	slices.SortFunc(list, compare)
	return slices.Compact(list)
}

// rank is the place of name in the list, or behind it.
func rank(list []string, name string) int {
	if i := slices.Index(list, name); i >= 0 {
		return i
	}
	return len(list)
}
