package rundir

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCountStart checks that starts are counted until there is a new snapshot or
// ForgetStarts is called.
func TestCountStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	count := func(want int) {
		t.Helper()
		if got, err := CountStart(dir); err != nil || got != want {
			t.Errorf("start %d, error %v, want %d", got, err, want)
		}
	}
	snapshot := func(name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(Layout{dir}.Checkpoints(), name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	count(1)
	count(2)
	snapshot("step-00000004")
	count(1)
	snapshot(".tmp-1")
	count(2)
	snapshot("step-00000016")
	count(1)
	count(2)
	if err := ForgetStarts(dir); err != nil {
		t.Fatal(err)
	}
	count(1)
	if err := os.WriteFile(Layout{dir}.Starts(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := CountStart(dir); err == nil {
		t.Error("a damaged file is no error")
	}
}
