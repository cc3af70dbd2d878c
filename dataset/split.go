package dataset

import "fmt"

// Split names one of the parts of a labelled set.
type Split string

// The splits: the training images, those that decide between models during training, those
// that training never sees, and all of them together.
const (
	Train      Split = "train"
	Validation Split = "validation"
	Test       Split = "test"
	All        Split = "all"
)

// Splits has the sets that were asked for. The others are nil.
type Splits struct {
	Train, Validation, Test, All *Set
	// Notes has decisions of the reader that the user should know about, one sentence each:
	// for example which folders it used for what, and what it skipped.
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

// Put sets the set of a split.
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

// Survey is what is known about a labelled set without reading its images.
type Survey struct {
	// Own has the splits that have their own files. It is empty if the splits share one
	// folder for each class.
	Own []Split
	// Classes has the names of the classes; nil if they are the same for every set of the
	// source.
	Classes []string
	// Notes are as in Splits.
	Notes []string
}

// Limits are the largest numbers of images that a reader takes of each split, beginning
// with the first; 0 means all of them.
type Limits struct{ Train, Validation int }

// Of returns the limit of a split. Only training and validation have one.
func (l Limits) Of(split Split) int {
	switch split {
	case Train:
		return l.Train
	case Validation:
		return l.Validation
	}
	return 0
}

// Count returns how many of the available images of a split are used. It returns an error
// if the limit is above the number of images at path.
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
