package report

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"onnxlab/trainloop/rundir"
)

// Watch renews a report while its runs go on.
type Watch struct {
	// Dir is what Load reads, Out where the files are written, DropPoints that of
	// Table.
	Dir, Out   string
	DropPoints float64
	// Interval is the least time between two renewals, 1 s or more. Renewing takes a
	// tenth of the time at most, however short the interval is.
	Interval time.Duration
	// Renewed is called after each renewal with what was written.
	Renewed func(*Sweep)
}

// Run writes the page and the TensorBoard files at once, and again whenever a run has
// come further. When no run is under way or missing any more, it writes the whole
// report and returns what is in it. When ctx ends, it writes the page once more and
// returns its error. In the meantime the page asks the browser to load it again.
func (w Watch) Run(ctx context.Context) (*Sweep, error) {
	renewed := "nothing yet"
	for {
		began, now := time.Now(), marks(w.Dir)
		rest := w.Interval
		if now != renewed {
			s, err := Load(w.Dir)
			if still := marks(w.Dir) == now; err == nil && still && s.complete() {
				return s, s.Write(w.Out, w.DropPoints)
			} else if err != nil && still {
				return nil, err
			} else if err == nil { // otherwise half of it was read before a change
				if err := w.renew(s); err != nil {
					return nil, err
				}
				renewed = now
			}
			rest = max(rest, 9*time.Since(began))
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), w.leave())
		case <-time.After(rest):
		}
	}
}

// renew writes what people look at while training goes on.
func (w Watch) renew(s *Sweep) error {
	s.reload = w.Interval
	if err := s.write(w.Out, w.DropPoints, func(f file) bool { return f.live }); err != nil {
		return err
	}
	if w.Renewed != nil {
		w.Renewed(s)
	}
	return nil
}

// leave writes the page once more: no one renews it from now on.
func (w Watch) leave() error {
	s, err := Load(w.Dir)
	if err != nil {
		return err
	}
	return s.write(w.Out, w.DropPoints, func(f file) bool { return f.name == pageName })
}

// marks change when a run in dir comes further.
func marks(dir string) string {
	var b strings.Builder
	dirs := []string{dir}
	if runs, err := rundir.List(dir); err == nil { // else Load tells
		for _, r := range runs {
			dirs = append(dirs, r.Dir)
		}
	}
	for _, dir := range dirs {
		l := rundir.Layout{Dir: dir}
		for _, path := range []string{l.Config(), l.Environment(), l.History(), l.Summary(), l.Failure()} {
			info, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err != nil {
				fmt.Fprintln(&b, err)
				continue
			}
			fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}

// complete tells whether no run will come further. One whose epochs are all done has
// yet to write its model and, last, its summary.
func (s *Sweep) complete() bool {
	return !slices.ContainsFunc(s.Runs, func(r Run) bool {
		done := r.State == Done && (r.Summary != nil || r.Environment == nil)
		return !done && r.State != Failed
	})
}

// Progress says in a line how far the runs have come.
func (s *Sweep) Progress() string {
	if s.one() {
		r := &s.Runs[0]
		if len(r.History) == 0 {
			return r.describe()
		}
		return fmt.Sprintf("%s, validation accuracy %s %%", r.describe(), percent(r.Last().ValAccuracy))
	}
	counts := map[State]int{}
	var under []string
	for i := range s.Runs {
		r := &s.Runs[i]
		counts[r.State]++
		if r.State == Running {
			under = append(under, fmt.Sprintf("%s (%d of %d epochs)", s.label(r), len(r.History), r.Epochs))
		}
	}
	text := fmt.Sprintf("%d of %s done", counts[Done], counted(len(s.Runs), "run"))
	if counts[Failed] > 0 {
		text += fmt.Sprintf(", %d failed", counts[Failed])
	}
	if len(under) > 0 {
		text += "; under way: " + strings.Join(under, "; ")
	}
	return text
}
