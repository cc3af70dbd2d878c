package dataset

import "fmt"

// Split names one of the parts of a labelled set.
type Split string

// The splits: what is trained on, what decides between models while they are
// trained, what no training sees, and all of these together.
const (
	Train      Split = "train"
	Validation Split = "validation"
	Test       Split = "test"
	All        Split = "all"
)

// Splits are the parts of a labelled set that were asked for. The others are nil.
type Splits struct {
	Train, Validation, Test, All *Set
	// Notes are what the reader decided without being asked and the user should
	// know, a sentence each: which folders it took for what, and what it passed over.
	Notes []string
}

// Of returns the set of a split, nil if there is none.
func (s *Splits) Of(split Split) *Set {
	switch split {
	case Train:
		return s.Train
	case Validation:
		return s.Validation
	case Test:
		return s.Test
	}
	return s.All
}

// Put keeps the set of a split.
func (s *Splits) Put(split Split, set *Set) {
	switch split {
	case Train:
		s.Train = set
	case Validation:
		s.Validation = set
	case Test:
		s.Test = set
	default:
		s.All = set
	}
}

// Survey is what can be told of a labelled set without reading its images.
type Survey struct {
	// Own are the splits that have files of their own; none if one folder of each
	// class has them all.
	Own []Split
	// Classes are the names of the classes, nil where every set of the source has the
	// same.
	Classes []string
	// Notes are those of Splits.
	Notes []string
}

// Limits are the most images that a reader takes of each split, from the first
// one on; 0 takes all there are.
type Limits struct{ Train, Validation int }

// Of returns the limit of a split. Only these two have one.
func (l Limits) Of(split Split) int {
	switch split {
	case Train:
		return l.Train
	case Validation:
		return l.Validation
	}
	return 0
}

// Count returns how many of the available images of a split are taken. It fails
// if the limit asks for more than there are at path.
func (l Limits) Count(path string, split Split, available int) (int, error) {
	limit := l.Of(split)
	switch {
	case limit < 0:
		return 0, fmt.Errorf("load data: the limit of %d %s images is negative", limit, split)
	case limit == 0:
		return available, nil
	case limit > available:
		return 0, &Error{
			Path: path, Record: NoRecord,
			Err: fmt.Errorf("%d %s images wanted, %d available", limit, split, available),
			Fix: fmt.Sprintf("use --set data.%s=%d, or 0 for all", split, available),
		}
	}
	return limit, nil
}
