package trainloop

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"onnxlab/internal/durable"
)

// TestHandover checks that a run stops within two seconds when another process asks for its
// directory, that the other one gets the directory once it is free, and that it is not
// asked itself.
func TestHandover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		leave, err := lock(t.Context(), dir, 0, true)
		if err != nil {
			t.Fatal(err)
		}
		first, stop := untilAsked(t.Context(), dir)
		defer stop()
		time.Sleep(time.Minute)
		if first.Err() != nil {
			t.Fatal("the run stopped without being asked")
		}
		asked := time.Now()
		context.AfterFunc(first, func() {
			if waited := time.Since(asked); waited > 2*time.Second {
				t.Errorf("the run noticed after %v", waited)
			}
			time.Sleep(3 * time.Second) // as if the run were saving
			_ = leave()
		})
		leave2, err := lock(t.Context(), dir, time.Minute, true)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(asked); waited < 3*time.Second || waited > 5200*time.Millisecond {
			t.Errorf("the second got the directory after %v", waited)
		}
		if durable.Asked(dir) {
			t.Error("the second was asked as well")
		}
		_ = leave2()
	})
}

// TestHandoverNotAsked checks that a run without Handover waits without asking.
func TestHandoverNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		leave, err := lock(t.Context(), dir, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
		if _, err := lock(t.Context(), dir, time.Second, false); !isLocked(err) {
			t.Errorf("error is %v, want a LockedError", err)
		}
		if durable.Asked(dir) {
			t.Error("the first was asked")
		}
		if _, err := lock(t.Context(), dir, time.Second, true); !isLocked(err) {
			t.Errorf("error is %v, want a LockedError", err)
		}
		if !durable.Asked(dir) {
			t.Error("the first was not asked")
		}
	})
}
