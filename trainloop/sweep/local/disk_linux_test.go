package local

import (
	"testing"

	"golang.org/x/sys/unix"

	"onnxlab/internal/ownprocess"
	"onnxlab/trainloop/sweep"
)

// TestFullDisk checks that a cell goes on while a full disk takes none of its messages.
func TestFullDisk(t *testing.T) {
	if !ownprocess.Is(t) {
		if err := ownprocess.Run(t, ownprocess.MayMount); err != nil {
			t.Fatal(err)
		}
		return
	}
	disk := t.TempDir()
	if err := ownprocess.HideMounts(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	p := mustPlan(t, grid([]string{"none"}, []int{64}, 1), disk)
	_, all, outcome := ran(t, p, func(sweep.Cell) string { return "fills" })
	if outcome != (Outcome{Done: 1}) {
		t.Errorf("outcome %+v, ended %v", outcome, all)
	}
}
