package durable

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test binary is also the other process. If one of these variables is set,
// it locks the directory or writes the file, prints "ready", and waits to be
// killed.
const (
	envLock  = "DURABLE_TEST_LOCK"
	envWrite = "DURABLE_TEST_WRITE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envLock); dir != "" {
		if _, err := Lock(dir); err != nil {
			panic(err)
		}
		os.Stdout.WriteString("ready\n")
		time.Sleep(time.Minute)
	}
	if path := os.Getenv(envWrite); path != "" {
		WriteFile(path, func(w io.Writer) error {
			io.WriteString(w, strings.Repeat("x", 1<<18))
			os.Stdout.WriteString("ready\n")
			time.Sleep(time.Minute)
			return nil
		})
	}
	os.Exit(m.Run())
}

// start runs the test binary with the environment variable key=value, and
// returns when it prints "ready".
func start(t *testing.T, key, value string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), key+"="+value)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("other process says %q (error %v)", line, err)
	}
	return cmd
}

func TestLockRefusesSecondHolder(t *testing.T) {
	dir := t.TempDir()
	unlock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(dir)
	var locked *LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("error is %v, want a LockedError", err)
	}
	if locked.Holder.PID != os.Getpid() || locked.Holder.Host == "" || time.Since(locked.Holder.Since) > time.Minute {
		t.Errorf("holder is %+v, want this process, now", locked.Holder)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err = Lock(dir)
	if err != nil {
		t.Fatalf("lock after unlock: %v", err)
	}
	unlock()
}

func TestLockOfDeadProcessIsTakenOver(t *testing.T) {
	dir := t.TempDir()
	other := start(t, envLock, dir)
	_, err := Lock(dir)
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Holder.PID != other.Process.Pid {
		t.Fatalf("error is %v, want a LockedError naming process %d", err, other.Process.Pid)
	}
	other.Process.Kill()
	other.Wait()
	unlock, err := Lock(dir)
	if err != nil {
		t.Fatalf("lock after its holder died: %v", err)
	}
	unlock()
}

func TestLockWaitsForItsTurn(t *testing.T) {
	dir := t.TempDir()
	release, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	var told []Holder
	unlock, err := LockWait(t.Context(), dir, func(h Holder) {
		told = append(told, h)
		if err := release(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0].PID != os.Getpid() {
		t.Errorf("waiting was called with %+v, want this process, once", told)
	}
	ctx, stop := context.WithCancel(t.Context())
	if _, err := LockWait(ctx, dir, func(Holder) { stop() }); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended, error is %v, want the context's", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err = LockWait(ctx, dir, func(Holder) { t.Error("it waits for a lock that is free") })
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestLockOfMissingDirectory(t *testing.T) {
	if _, err := Lock(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v, want one that says the directory does not exist", err)
	}
}

func TestKilledWriterLeavesOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "weights")
	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	other := start(t, envWrite, path)
	other.Process.Kill()
	other.Wait()
	if names := list(t, dir); len(names) != 2 {
		t.Fatalf("directory holds %q, want the file and what the killed process left", names)
	}
	if err := RemoveLeftovers(dir, 0); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, dir, "weights", "old")
}
