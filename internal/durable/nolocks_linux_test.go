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

// envNoFlock is set in the child processes that withoutFlock starts. It names the error
// that flock returns there.
const envNoFlock = "DURABLE_TEST_NO_FLOCK"

// withoutFlock runs the test again in child processes in which flock fails, once for each
// error that means that there are no locks, and skips the rest of it in this process.
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
	t.SkipNow() // the children have run the test
}

// TestNoFlock: on a file system without locks, the files let one process in at a time,
// also if many try at once. The lock of a killed process is taken over.
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
		t.Errorf("%d had the lock at the same time, want 1", one)
	}
}

// inTurns lets 8 goroutines take the lock 10 times each. It returns the most that had it
// at the same time.
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

// TestNoFlockElsewhere: the lock of a process on another host is not taken over, whether
// that host uses locks or files.
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

// TestMixedLocks: a host with locks respects the file of a host without.
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

// TestOldList: a process that read the list of files before others took and released the
// lock does not get the lock with an old number.
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

// TestLife: a process is gone if it has ended, if another one has its number now, or if
// its host was restarted since. Nothing is known about processes elsewhere.
func TestLife(t *testing.T) {
	here := identity(os.Getpid())
	here.Machine = cmp.Or(here.Machine, "a machine") // containers may have no machine-id
	change := func(f func(*Holder)) Holder { h := here; f(&h); return h }
	for _, c := range []struct {
		name string
		h    Holder
		want Life
	}{
		{"this process", here, Alive},
		{"nobody", Holder{}, Gone},
		{"a later process with the same number", change(func(h *Holder) { h.Began = "1" }), Gone},
		{"another host of the same name", change(func(h *Holder) { h.Boot, h.Machine = "other", "other" }), Unknown},
		{"another container", change(func(h *Holder) { h.Namespace = "pid:[1]" }), Unknown},
		{"another host", change(func(h *Holder) { h.Host = "elsewhere"; h.Boot = "other" }), Unknown},
		{"a record without an identity", Holder{PID: here.PID, Host: here.Host}, Unknown},
	} {
		if got := c.h.Life(); got != c.want {
			t.Errorf("%s: life is %v, want %v", c.name, got, c.want)
		}
	}
	if identity(os.Getpid()).Machine != "" {
		if h := change(func(h *Holder) { h.Boot = "earlier" }); h.Life() != Gone {
			t.Errorf("a process from before the restart: life is %v, want Gone", h.Life())
		}
	}
	child := start(t, envLock, t.TempDir())
	if h := identity(child.Process.Pid); h.Life() != Alive {
		t.Errorf("a running child: life is %v, want Alive", h.Life())
	}
	h := identity(child.Process.Pid)
	child.Process.Kill()
	child.Wait()
	if h.Life() != Gone {
		t.Errorf("a child that has ended: life is %v, want Gone", h.Life())
	}
}
