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

// Watch updates a report while its runs go on.
type Watch struct {
	// Dir is the directory that Load reads, and Out the directory of the report.
	// DropPoints is the parameter of Table.
	Dir, Out   string
	DropPoints float64
	// Interval is the shortest time between two updates, at least 1 s. It is extended so
	// that updates take at most a tenth of the time.
	Interval time.Duration
	// Renewed is called after each update with what was written.
	Renewed func(*Sweep)
}

// Run writes the page and the TensorBoard files at once, and again whenever a run has
// progressed. When all runs are done or failed, it writes the whole report and returns
// it. When ctx is done, it writes the page once more and returns the error of ctx. Until
// then, the page asks the browser to load it again regularly.
func (w Watch) Run(ctx context.Context) (*Sweep, error) {
	renewed := "nothing yet"
	for {
		began, now := time.Now(), fingerprint(w.Dir)
		rest := w.Interval
		if now != renewed {
			s, err := Load(w.Dir)
			if still := fingerprint(w.Dir) == now; err == nil && still && s.complete() {
				return s, s.Write(w.Out, w.DropPoints)
			} else if err != nil && still {
				return nil, err
			} else if err == nil { // otherwise files changed while they were read
				if err := w.renew(s); err != nil {
					return nil, err
				}
				renewed = now
			}
			rest = max(rest, 9*time.Since(began))
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), w.writeLastPage())
		case <-time.After(rest):
		}
	}
}

// renew writes the files that people look at while training goes on.
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

// writeLastPage writes the page once more, so that it no longer asks the browser to load it
// again.
func (w Watch) writeLastPage() error {
	s, err := Load(w.Dir)
	if err != nil {
		return err
	}
	return s.write(w.Out, w.DropPoints, func(f file) bool { return f.name == pageName })
}

// fingerprint returns the sizes and times of the files of all runs in dir. It changes when a
// run progresses.
func fingerprint(dir string) string {
	var b strings.Builder
	dirs := []string{dir}
	if runs, err := rundir.List(dir); err == nil { // otherwise Load reports the error
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

// complete reports whether all runs are done or failed. A run whose last epoch is done still
// has to write its model and, last of all, its summary.
func (s *Sweep) complete() bool {
	return !slices.ContainsFunc(s.Runs, func(r Run) bool {
		done := r.State == Done && (r.Summary != nil || r.Environment == nil)
		return !done && r.State != Failed
	})
}

// Progress describes the progress of the runs in one line.
func (s *Sweep) Progress() string {
	if s.one() {
		r := &s.Runs[0]
		if len(r.History) == 0 {
			return r.describe()
		}
		return fmt.Sprintf("%s, validation accuracy %s %%", r.describe(), percent(r.Last().ValAccuracy))
	}
	counts := map[State]int{}
	var running []string
	for i := range s.Runs {
		r := &s.Runs[i]
		counts[r.State]++
		if r.State == Running {
			running = append(running, fmt.Sprintf("%s (%d of %d epochs)", s.label(r), len(r.History), r.Epochs))
		}
	}
	text := fmt.Sprintf("%d of %s done", counts[Done], counted(len(s.Runs), "run"))
	if counts[Failed] > 0 {
		text += fmt.Sprintf(", %d failed", counts[Failed])
	}
	if len(running) > 0 {
		text += "; under way: " + strings.Join(running, "; ")
	}
	return text
}
