package report

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onnxlab/trainloop/rundir"
)

// watched is a run whose history grows, while its other files stay the same.
type watched struct {
	dir     string
	history []rundir.Epoch
	summary rundir.Summary
}

func newWatched(t *testing.T) watched {
	t.Helper()
	dir := alone(t, t.TempDir(), "flowers", 4)
	w := watched{dir: dir, history: sample{epochs: 4}.history(rundir.Key{BatchSize: 256, Seed: 4}, 1)}
	var err error
	w.summary, err = rundir.ReadSummary(dir)
	must(t, err)
	must(t, errors.Join(os.Remove(rundir.Layout{Dir: dir}.Summary()), os.Remove(rundir.Layout{Dir: dir}.History())))
	return w
}

func (w watched) train(t *testing.T, epochs int) {
	t.Helper()
	must(t, rundir.WriteHistory(rundir.Layout{Dir: w.dir}.History(), w.history[:epochs]))
}

func (w watched) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(name)))
	must(t, err)
	return string(data)
}

const reloads = `<meta http-equiv="refresh" content="5">`

// TestWatch trains while the report is watched: one epoch per hour at first, then two
// within a second.
func TestWatch(t *testing.T) {
	w := newWatched(t)
	const events = "tensorboard/flowers-256-4/events.out.tfevents.1700000000.onnxlab"
	synctest.Test(t, func(t *testing.T) {
		var progress []string
		begun := time.Now()
		watch := Watch{Dir: w.dir, Out: w.dir, DropPoints: DefaultDrop, Interval: 5 * time.Second, Renewed: func(s *Sweep) {
			progress = append(progress, time.Since(begun).Round(5*time.Second).String()+" "+s.Progress())
		}}
		ended := make(chan *Sweep)
		go func() {
			s, err := watch.Run(t.Context())
			if err != nil {
				t.Error(err)
			}
			ended <- s
		}()
		time.Sleep(time.Second) // the report is updated every 5 s, at other times than here
		for epoch := 1; epoch <= 2; epoch++ {
			time.Sleep(time.Hour)
			w.train(t, epoch)
		}
		time.Sleep(time.Minute)
		if page := w.read(t, "report.html"); !strings.Contains(page, reloads) || !strings.Contains(page, "2 of 4 epochs done") {
			t.Error("the page is not that of a running run")
		}
		before, err := os.Stat(filepath.Join(w.dir, events))
		must(t, err)
		w.train(t, 3)
		time.Sleep(500 * time.Millisecond)
		w.train(t, 4)
		time.Sleep(time.Hour)
		must(t, rundir.WriteSummary(w.dir, w.summary))
		if s := <-ended; s == nil || s.Runs[0].State != Done {
			t.Errorf("ended with %+v", s)
		}
		after, err := os.Stat(filepath.Join(w.dir, events))
		must(t, err)
		if !os.SameFile(before, after) || after.Size() <= before.Size() {
			t.Errorf("the events did not grow in place: %d bytes became %d", before.Size(), after.Size())
		}
		accuracy := func(epochs int) string {
			return ", validation accuracy " + percent(w.history[epochs-1].ValAccuracy) + " %"
		}
		want := "0s 0 of 4 epochs done|1h0m5s 1 of 4 epochs done" + accuracy(1) + "|2h0m5s 2 of 4 epochs done" + accuracy(2) +
			"|2h1m5s 4 of 4 epochs done" + accuracy(4)
		if got := strings.Join(progress, "|"); got != want {
			t.Errorf("renewed\n%s, want\n%s", got, want)
		}
	})
	if page := w.read(t, "report.html"); strings.Contains(page, "refresh") || w.read(t, "curves.png") == "" {
		t.Error("the page of a complete run loads itself again")
	}
	if got := len(records(t, []byte(w.read(t, events)))); got != 5 {
		t.Errorf("%d records of 4 epochs", got)
	}
}

// TestWatchInterrupted checks that the last page does not load itself again.
func TestWatchInterrupted(t *testing.T) {
	w := newWatched(t)
	w.train(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	reloading := false
	s, err := Watch{Dir: w.dir, Out: w.dir, DropPoints: DefaultDrop, Interval: 5 * time.Second, Renewed: func(*Sweep) {
		reloading = strings.Contains(w.read(t, "report.html"), reloads)
		cancel()
	}}.Run(ctx)
	if s != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", s, err)
	}
	if page := w.read(t, "report.html"); !reloading || strings.Contains(page, "refresh") || !strings.Contains(page, "1 of 4 epochs done") {
		t.Errorf("before, the page loads itself again: %v; afterwards it is\n%.600s", reloading, page)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "curves.png")); err == nil {
		t.Error("files that nobody reads meanwhile were written")
	}
}

// TestWatchEnds checks that Run returns at once if there is nothing to wait for, or nothing
// to read.
func TestWatchEnds(t *testing.T) {
	failed := failing{[]uint64{1, 2}, []int{16, 64}, []rundir.Key{{Condition: "none", BatchSize: 64, Seed: 2}}, failsLater, true}
	root := failed.write(t, t.TempDir())
	s, err := Watch{Dir: root, Out: root, Interval: time.Hour}.Run(t.Context())
	if err != nil || s.Progress() != "3 of 4 runs done, 1 failed" {
		t.Errorf("%v, %v", s, err)
	}
	empty := t.TempDir()
	var none *NoRunsError
	if _, err := (Watch{Dir: empty, Out: empty, Interval: time.Hour}).Run(t.Context()); !errors.As(err, &none) {
		t.Errorf("nothing to read: %v", err)
	}
}
