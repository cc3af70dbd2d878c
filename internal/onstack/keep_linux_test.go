//go:build cgo

package onstack_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"onnxlab/internal/onstack"
	"onnxlab/internal/onstack/onstacktest"
)

// roleVariable is set in the process that gets the signal: to "kept" or
// "unkept".
const roleVariable = "ONSTACK_TEST_ROLE"

// statusStopped is the exit status of that process if Go's handler ran.
const statusStopped = 130

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(interrupted(role))
	}
	os.Exit(m.Run())
}

// interrupted lets a foreign handler take the signal over, with or without
// Keep, and then sends the signal to its own thread, which runs on a
// goroutine's stack. An idle thread would be on a stack on which Go accepts the
// signal.
func interrupted(role string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	load := func() error { return onstacktest.TakeOver(syscall.SIGINT) }
	keep := onstack.Keep
	if role == "unkept" {
		keep = func(load func() error) error { return load() }
	}
	if err := keep(load); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	runtime.LockOSThread()
	if err := unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGINT); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	select {
	case <-ctx.Done():
		return statusStopped
	case <-time.After(20 * time.Second):
		fmt.Fprintln(os.Stderr, "the signal did not arrive")
		return 1
	}
}

func TestInterruptAfterForeignHandler(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]struct {
		status int
		stderr string
	}{
		"unkept": {2, "non-Go code set up signal handler without SA_ONSTACK flag"},
		"kept":   {statusStopped, ""},
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			executable, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), executable)
			cmd.Env = append(os.Environ(), roleVariable+"="+role)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			var exit *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &exit) {
				t.Fatalf("got %v, want an exit status", err)
			}
			if exit.ExitCode() != want.status || !strings.Contains(stderr.String(), want.stderr) {
				t.Errorf("exit status %d, want %d with %q\n%s", exit.ExitCode(), want.status, want.stderr, stderr.String())
			}
		})
	}
}

func TestKeepGivesTheError(t *testing.T) {
	t.Parallel()
	want := errors.New("no provider")
	if err := onstack.Keep(func() error { return want }); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
