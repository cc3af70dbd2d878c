package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"onnxlab/trainloop/rundir"
)

// course is a history in the form of Keras: one list for each quantity, with one entry for
// each epoch.
type course struct {
	BatchSize int
	Lists     [4][]float64
}

// courseNames returns the names of the lists of a course.
func courseNames() [4]string { return [4]string{"loss", "acc", "val_loss", "val_acc"} }

// courses returns the history of one run for each batch size of a condition: the run with
// the lowest seed that is done, or if none is, the run with the lowest seed that has
// finished an epoch.
func (s *Sweep) courses(condition string) []course {
	var list []course
	for _, batch := range s.BatchSizes {
		runs := s.cell(condition, batch)
		i := slices.IndexFunc(runs, func(r Run) bool { return r.State == Done })
		if i < 0 {
			i = slices.IndexFunc(runs, func(r Run) bool { return len(r.History) > 0 })
		}
		if i >= 0 {
			list = append(list, newCourse(batch, runs[i].History))
		}
	}
	return list
}

func newCourse(batch int, history []rundir.Epoch) course {
	c := course{BatchSize: batch}
	for _, e := range history {
		for i, v := range [4]float64{e.Loss, e.Accuracy, e.ValLoss, e.ValAccuracy} {
			c.Lists[i] = append(c.Lists[i], v)
		}
	}
	return c
}

// writeStudyJSON writes {"128": {"loss": [...], ...}, ...} with the batch sizes in
// numerical order. encoding/json would sort them as text.
func writeStudyJSON(w io.Writer, courses []course) error {
	text := []byte("{")
	for i, c := range courses {
		if i > 0 {
			text = append(text, ',')
		}
		text = fmt.Appendf(text, "\n  %q: {", strconv.Itoa(c.BatchSize))
		for k, name := range courseNames() {
			if k > 0 {
				text = append(text, ',')
			}
			list, err := json.Marshal(c.Lists[k])
			if err != nil {
				return err
			}
			text = fmt.Appendf(text, "\n    %q: %s", name, list)
		}
		text = append(text, "\n  }"...)
	}
	_, err := w.Write(append(text, "\n}\n"...))
	return err
}
