package trainloop

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onnxlab/internal/durable"
	"onnxlab/ort/session"
	"onnxlab/trainloop/rundir"
)

// TestStartWithoutSession checks the start of a run if no session can be opened, for
// example on a GPU with a library for the CPU. The error says what to do, and no directory
// is created or changed.
func TestStartWithoutSession(t *testing.T) {
	const want = "use runtime.device cuda: CUDA execution provider is not enabled in this build.; " +
		"run 'pipeline runtime info --device cuda' to see what is missing, or set runtime.device to cpu"
	o := small(t, "runtime.device=cuda")
	there := t.TempDir()
	for _, c := range []struct{ run, clean string }{
		{filepath.Join(there, "new", "run"), there},
		{there, there},
	} {
		o.Dir = c.run
		_, err := Run(t.Context(), o)
		var device *session.DeviceError
		if !errors.As(err, &device) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if left, err := os.ReadDir(c.clean); err != nil || len(left) != 0 {
			t.Errorf("it leaves %v, error %v", left, err)
		}
	}
}

// TestLockWaits checks that a run waits until another one leaves its directory, but not
// longer than its patience, nor after it is cancelled.
func TestLockWaits(t *testing.T) {
	const stopped = 3 * time.Second
	for _, c := range []struct {
		leaves, patience, waits time.Duration
		want                    func(error) bool
	}{
		{5050 * time.Millisecond, 10 * time.Second, 5100 * time.Millisecond, func(err error) bool { return err == nil }},
		{time.Minute, 10 * time.Second, 10 * time.Second, isLocked},
		{time.Minute, 0, 0, isLocked},
		{time.Minute, time.Hour, stopped, func(err error) bool { return errors.Is(err, context.Canceled) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			leave, err := durable.Lock(dir)
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(c.leaves, func() { _ = leave() })
			ctx, stop := context.WithCancel(t.Context())
			if c.patience == time.Hour {
				time.AfterFunc(stopped, stop)
			}
			begun := time.Now()
			unlock, err := lock(ctx, dir, c.patience, false)
			if waited := time.Since(begun); waited != c.waits || !c.want(err) {
				t.Errorf("left after %v, patience %v: error %v after %v, want %v", c.leaves, c.patience, err, waited, c.waits)
			}
			if err == nil {
				_ = unlock()
			}
			stop()
			time.Sleep(c.leaves) // until the other one has left
		})
	}
}

func isLocked(err error) bool {
	var locked *durable.LockedError
	return errors.As(err, &locked)
}

// TestHashDataInterrupted checks that hashing images that are not drawn yet ends when ctx
// is cancelled.
func TestHashDataInterrupted(t *testing.T) {
	o := small(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if hash, err := hashData(ctx, o)(); !errors.Is(err, context.Canceled) {
		t.Errorf("hash %q, error %v, want that of the context", hash, err)
	}
	if hash, err := hashData(t.Context(), o)(); err != nil || hash != o.Train.Hash()+"+"+o.Validation.Hash() {
		t.Errorf("hash %q, error %v", hash, err)
	}
}

// TestOtherImages checks that a run that was killed before its first snapshot does not begin
// again with other images.
func TestOtherImages(t *testing.T) {
	o := small(t, "train.epochs=1")
	mustRun(t, o)
	layout := rundir.Layout{Dir: o.Dir}
	if err := errors.Join(os.RemoveAll(layout.Checkpoints()), os.Remove(layout.Summary())); err != nil {
		t.Fatal(err)
	}
	o.Resume = true
	other := o
	other.Train, other.Experiment.Data.Path = o.Train.Head(64), "images"
	var mismatch *Mismatch
	if _, err := Run(t.Context(), other); !errors.As(err, &mismatch) || len(mismatch.Differences) != 1 ||
		!strings.HasPrefix(mismatch.Differences[0], "environment.json: data with SHA-256 ") || !strings.HasSuffix(mismatch.Differences[0], `, that of data.path "images"`) {
		t.Errorf("error %v", err)
	}
	mustRun(t, o)
}
