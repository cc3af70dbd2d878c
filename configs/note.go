package configs

import (
	"fmt"
	"slices"
	"strings"
)

// Note tells the user about a setting that is possible, but may not do what they want.
// It is not a mistake.
type Note struct {
	// Key is the setting, as "schedule.warmup_epochs".
	Key string
	// Origin is where Key was set, or else where the other setting that causes the note
	// was set. It is empty if neither was, and for an experiment that was made in Go.
	Origin Origin
	// Message is one line. For a sweep, it names the runs that it is about.
	Message string
}

// String writes the note after where its setting was given.
func (n Note) String() string { return Problem{n.Origin, n.Message}.String() }

// Notes returns what the user should know about the run: a warmup or decays that do
// nothing, a learning rate that is unusual for the optimizer, images that every epoch
// leaves out. images is the number of training images; if it is 0, the number that the
// settings imply is used, if they imply one. Validate must accept the experiment.
func (e Experiment) Notes(images int) []Note { return e.notes(images, nil) }

// Notes is Experiment.Notes, with the origins of the settings.
func (r *Resolved) Notes(images int) []Note { return r.Experiment.notes(images, r) }

// SweepNotes is Notes for all runs of the sweep together, each note only once. Cells must
// accept the experiment.
func (e Experiment) SweepNotes(images int) []Note { return e.sweepNotes(images, nil) }

// SweepNotes is Experiment.SweepNotes, with the origins of the settings.
func (r *Resolved) SweepNotes(images int) []Note { return r.Experiment.sweepNotes(images, r) }

// remarks finds what there is to note about a run, except for images that are left out:
// their number depends on the data.
func (e *Experiment) remarks() findings {
	var found findings
	e.remarkModel(found.add)
	e.remarkSchedule(found.add)
	e.remarkOptimizer(found.add)
	return found
}

func (e *Experiment) notes(images int, r *Resolved) []Note {
	found := e.remarks()
	e.remarkLeftOut(found.add, images)
	var notes []Note
	for _, f := range found {
		notes = append(notes, Note{f.key, r.place(f), f.String()})
	}
	return notes
}

// trainImagesOr returns images if it is above 0, and otherwise the number of training
// images that the settings imply, or 0 if only the data can tell.
func (e *Experiment) trainImagesOr(images int) int {
	if images > 0 || e.Data.opensCount() {
		return images
	}
	return e.TrainImages()
}

// remarkLeftOut adds a finding if the last batch of an epoch is incomplete, and so dropped.
func (e *Experiment) remarkLeftOut(add func(key, other, format string, args ...any), images int) {
	images = e.trainImagesOr(images)
	if left := images % e.Train.BatchSize; left > 0 {
		add("train.batch_size", "data.train", "every epoch leaves out %d of %d training images, which do not fill a batch of %d (not the same ones each time)",
			left, images, e.Train.BatchSize)
	}
}

// remarkSweepLeftOut is remarkLeftOut for all batch sizes of the sweep.
func (e *Experiment) remarkSweepLeftOut(add func(key, other, format string, args ...any), images int) {
	images = e.trainImagesOr(images)
	var order []int
	sizes := map[int][]int{} // by how many images are left out
	for _, size := range e.Sweep.BatchSizes {
		left := images % size
		if left == 0 || size > images {
			continue
		}
		if sizes[left] == nil {
			order = append(order, left)
		}
		sizes[left] = append(sizes[left], size)
	}
	var parts []string
	for _, left := range order {
		parts = append(parts, fmt.Sprintf("%d at %s", left, listed(sizes[left])))
	}
	if len(parts) > 0 {
		add("sweep.batch_sizes", "data.train", "of %d training images every epoch leaves out some that do not fill a batch: %s", images, strings.Join(parts, "; "))
	}
}

// affectedRuns are the runs of a sweep that a finding is about: for each condition, the
// batch sizes.
type affectedRuns map[string][]int

func (e *Experiment) sweepNotes(images int, r *Resolved) []Note {
	var order findings
	where := map[finding]affectedRuns{}
	for _, condition := range e.Sweep.Conditions {
		for _, size := range e.Sweep.BatchSizes {
			cell, err := e.overlaid(condition, size, 0)
			if err != nil {
				continue // there is no such run
			}
			for _, f := range cell.remarks() {
				if where[f] == nil {
					where[f], order = affectedRuns{}, append(order, f)
				}
				where[f][condition] = append(where[f][condition], size)
			}
		}
	}
	var notes []Note
	for _, f := range order {
		notes = append(notes, e.merged(f, where[f], r)...)
	}
	var found findings
	e.remarkSweepLeftOut(found.add, images)
	for _, f := range found {
		notes = append(notes, Note{f.key, r.place(f), f.String()})
	}
	return notes
}

// merged turns a finding into notes: one for all conditions that it affects at the same
// batch sizes.
func (e *Experiment) merged(f finding, where affectedRuns, r *Resolved) []Note {
	var notes []Note
	left := slices.Clone(e.Sweep.Conditions)
	for len(left) > 0 {
		first, sizes := left[0], where[left[0]]
		same := func(condition string) bool { return slices.Equal(where[condition], sizes) }
		if len(sizes) > 0 {
			with := slices.DeleteFunc(slices.Clone(left), func(c string) bool { return !same(c) })
			notes = append(notes, Note{f.key, r.placeInCell(first, f), e.whereText(with, sizes) + f.String()})
		}
		left = slices.DeleteFunc(left, same)
	}
	return notes
}

// whereText names runs of the sweep, as in "condition warmup at batch size 128: ". It is
// empty if they are all runs.
func (e *Experiment) whereText(conditions []string, sizes []int) string {
	var parts []string
	if len(conditions) < len(e.Sweep.Conditions) {
		parts = append(parts, plural(len(conditions), "condition")+" "+listed(conditions))
	}
	if len(sizes) < len(e.Sweep.BatchSizes) {
		parts = append(parts, "at "+plural(len(sizes), "batch size")+" "+listed(sizes))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, " ") + ": "
}

// maxListed is how many values a message lists.
const maxListed = 8

// listed writes "60, 70 and 85".
func listed[T any](values []T) string {
	var words []string
	for _, v := range values {
		words = append(words, fmt.Sprint(v))
	}
	if more := len(words) - maxListed; more > 1 {
		words = append(words[:maxListed:maxListed], fmt.Sprintf("%d more", more))
	}
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// counted writes "1 epoch" and "2 epochs".
func counted(n int, noun string) string { return fmt.Sprintf("%d %s", n, plural(n, noun)) }

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}
