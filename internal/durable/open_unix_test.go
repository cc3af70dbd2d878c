//go:build unix

package durable

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestOpenPlain: OpenPlain refuses whatever might never end, such as pipes.
func TestOpenPlain(t *testing.T) {
	dir := t.TempDir()
	file, link, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(file, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link} {
		if data, err := ReadPlain(path, 5); err != nil || string(data) != "12345" {
			t.Errorf("read %q, %v", data, err)
		}
	}
	for path, want := range map[string]string{
		dir: "is a directory, not a file", pipe: "is a pipe, not a file", "/dev/zero": "is a device, not a file",
		filepath.Join(dir, "absent"): "no such file",
	} {
		if _, err := ReadPlain(path, 5); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want %q and %s", err, want, path)
		}
	}
	if _, err := ReadPlain(file, 4); err == nil || !strings.Contains(err.Error(), "more than 4 bytes") {
		t.Errorf("error %v", err)
	}
}

// TestReadPlainTakesNoMemoryInVain: a sparse file of 8 TB is refused because of its size,
// before any memory is allocated. A file that may be read is read into a buffer of its size,
// not into one that grows.
func TestReadPlainTakesNoMemoryInVain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	measure := func(size, limit int64) (read int, allocated uint64, err error) {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		data, err := ReadPlain(path, limit)
		runtime.ReadMemStats(&after)
		return len(data), after.TotalAlloc - before.TotalAlloc, err
	}
	if _, allocated, err := measure(1<<43, 1<<31); err == nil || allocated > 1<<16 {
		t.Errorf("8 TB: %d bytes allocated, error %v", allocated, err)
	}
	if read, allocated, err := measure(1<<22, 1<<31); err != nil || read != 1<<22 || allocated > 3<<22 { // twice under the race detector
		t.Errorf("4 MB: %d bytes read, %d allocated, error %v", read, allocated, err)
	}
}

// TestWriteFileLeavesPipesAlone: run by root, WriteFile could replace /dev/null or
// /dev/stdout by a file. The test uses pipes and links that any user can make.
func TestWriteFileLeavesPipesAlone(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	links := map[string]string{"to-pipe": pipe, "to-directory": dir, "to-open-file": "/proc/self/fd/1"}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"pipe": "is a pipe, not a file", "to-pipe": "is a pipe, not a file",
		"to-directory": "is a directory, not a file", "to-open-file": "is a link to an open file, not a file",
	} {
		path := filepath.Join(dir, name)
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteFile(path, func(io.Writer) error { return nil }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s is something else now, error %v", name, err)
		}
	}
}

// TestLockLeavesLinkedFilesAlone plants a link where the lock's file goes.
func TestLockLeavesLinkedFilesAlone(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(precious, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); err == nil || !strings.Contains(err.Error(), "is a symbolic link, not a file") {
		t.Errorf("error %v", err)
	}
	if data, err := os.ReadFile(precious); err != nil || string(data) != "data" {
		t.Errorf("the linked file holds %q, %v", data, err)
	}
}
