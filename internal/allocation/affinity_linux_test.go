package allocation

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain prints what the process may use, if TestAffinity has started it with
// another affinity.
func TestMain(m *testing.M) {
	if os.Getenv("ALLOCATION_TEST") != "" {
		os.Stdout.WriteString(strconv.Itoa(CPUs()) + " " + strconv.Itoa(Threads()))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestAffinity: a process that is bound to one processor uses one thread.
func TestAffinity(t *testing.T) {
	mine := affinity()
	if len(mine) < 2 {
		t.Skip("there is one processor")
	}
	runtime.LockOSThread() // It stays locked, so that the thread with this affinity ends with the test.
	var one unix.CPUSet
	one.Set(mine[len(mine)-1])
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ALLOCATION_TEST=1")
	out, err := cmd.Output()
	if err != nil || string(out) != "1 1" {
		t.Errorf("it uses %q, error %v, want 1 processor and 1 thread", out, err)
	}
}
