package durable

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbidFlock makes flock fail in this process and its children, as on a file system that
// has no locks.
func forbidFlock(errno unix.Errno) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number of the system call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_FLOCK},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, failed := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if failed != 0 {
		return failed
	}
	return nil
}

// envNoFlock makes a test its own child with a flock that fails in the way told.
const envNoFlock = "DURABLE_TEST_NO_FLOCK"

// withoutFlock runs the rest of the test in a process in which flock fails.
func withoutFlock(t *testing.T) {
	t.Helper()
	errnos := map[string]unix.Errno{"ENOSYS": unix.ENOSYS, "ENOTSUP": unix.ENOTSUP, "ENOLCK": unix.ENOLCK}
	if name := os.Getenv(envNoFlock); name != "" {
		if err := forbidFlock(errnos[name]); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name := range errnos {
		cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), envNoFlock+"="+name)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	t.SkipNow() // the children have done the rest
}

// TestNoFlock: where the file system has no locks, they are kept by files: one process
// at a time, also of many that come at once, and that of a killed one is taken over.
func TestNoFlock(t *testing.T) {
	withoutFlock(t)
	dir := t.TempDir()
	unlock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := Lock(dir); !errors.As(err, &locked) || locked.Holder.PID != os.Getpid() || !strings.Contains(err.Error(), generationPath(dir, 1)) {
		t.Fatalf("error is %v, want a LockedError that names this process and the file to delete", err)
	}
	if holder, err := HolderOf(dir); err != nil || holder.PID != os.Getpid() || holder.Life() != Alive {
		t.Errorf("holder is %+v, error %v, want this process, alive", holder, err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if holder, err := HolderOf(dir); err != nil || holder.PID != 0 {
		t.Errorf("after it was released, holder is %+v, error %v", holder, err)
	}

	other := start(t, envLock, dir)
	if _, err := Lock(dir); !errors.As(err, &locked) || locked.Holder.PID != other.Process.Pid {
		t.Fatalf("error is %v, want a LockedError naming process %d", err, other.Process.Pid)
	}
	other.Process.Kill()
	other.Wait()
	one := inTurns(t, dir)
	if one != 1 {
		t.Errorf("%d at once had the lock", one)
	}
}

// inTurns has many take the lock in turns and returns how many had it at once.
func inTurns(t *testing.T, dir string) int {
	t.Helper()
	var mu sync.Mutex
	var group sync.WaitGroup
	inside, most, turns := 0, 0, 0
	for range 8 {
		group.Go(func() {
			for range 10 {
				unlock, err := LockWait(t.Context(), dir, nil)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				inside++
				most = max(most, inside)
				turns++
				mu.Unlock()
				time.Sleep(time.Millisecond)
				mu.Lock()
				inside--
				mu.Unlock()
				if err := unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if turns != 80 {
		t.Errorf("%d turns, want 80", turns)
	}
	return most
}

// TestNoFlockElsewhere: the lock of a process on another host is not taken over, nor
// where another host has locks and this one has not.
func TestNoFlockElsewhere(t *testing.T) {
	withoutFlock(t)
	for _, name := range []string{lockName, generationPrefix + "7"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(`{"pid":1,"host":"elsewhere","boot":"b","namespace":"n","began":"1"}`), 0o666); err != nil {
			t.Fatal(err)
		}
		var locked *LockedError
		_, err := Lock(dir)
		if !errors.As(err, &locked) || locked.Holder.Host != "elsewhere" || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error is %v, want a LockedError that names the host and the file", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		unlock, err := Lock(dir)
		if err != nil {
			t.Fatalf("%s: lock after the file was deleted: %v", name, err)
		}
		unlock()
	}
}

// TestMixedLocks: a host with locks sees those that one without has taken by files.
func TestMixedLocks(t *testing.T) {
	dir := t.TempDir()
	if won, err := takeGeneration(dir, 3); err != nil || !won {
		t.Fatalf("won %v, error %v", won, err)
	}
	var locked *LockedError
	if _, err := Lock(dir); !errors.As(err, &locked) || locked.Holder.PID != os.Getpid() {
		t.Errorf("error is %v, want a LockedError naming this process", err)
	}
}

// TestOldList: who has read a list before others took and released the lock does not
// get a number that has been held.
func TestOldList(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{4, 5} {
		if err := WriteBytes(generationPath(dir, n), nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{3, 4, 5} {
		if won, err := takeGeneration(dir, n); err != nil || won {
			t.Errorf("generation %d: won %v, error %v", n, won, err)
		}
	}
	if won, err := takeGeneration(dir, 6); err != nil || !won {
		t.Errorf("generation 6: won %v, error %v", won, err)
	}
}

// TestLife: a process that has ended, another with its number and one of an earlier
// start of the host are gone; of one elsewhere nothing is known.
func TestLife(t *testing.T) {
	here := identity(os.Getpid())
	here.Machine = cmp.Or(here.Machine, "a machine") // containers may have no name for it
	change := func(f func(*Holder)) Holder { h := here; f(&h); return h }
	for _, c := range []struct {
		name string
		h    Holder
		want Life
	}{
		{"this process", here, Alive},
		{"nobody", Holder{}, Gone},
		{"a later process with the number", change(func(h *Holder) { h.Began = "1" }), Gone},
		{"another host of the same name", change(func(h *Holder) { h.Boot, h.Machine = "other", "other" }), Unknown},
		{"another container", change(func(h *Holder) { h.Namespace = "pid:[1]" }), Unknown},
		{"another host", change(func(h *Holder) { h.Host = "elsewhere"; h.Boot = "other" }), Unknown},
		{"a record of before", Holder{PID: here.PID, Host: here.Host}, Unknown},
	} {
		if got := c.h.Life(); got != c.want {
			t.Errorf("%s: life is %v, want %v", c.name, got, c.want)
		}
	}
	if identity(os.Getpid()).Machine != "" {
		if h := change(func(h *Holder) { h.Boot = "earlier" }); h.Life() != Gone {
			t.Errorf("before the restart: life is %v", h.Life())
		}
	}
	child := start(t, envLock, t.TempDir())
	if h := identity(child.Process.Pid); h.Life() != Alive {
		t.Errorf("a child that runs: %v", h.Life())
	}
	h := identity(child.Process.Pid)
	child.Process.Kill()
	child.Wait()
	if h.Life() != Gone {
		t.Errorf("a child that has ended: %v", h.Life())
	}
}
