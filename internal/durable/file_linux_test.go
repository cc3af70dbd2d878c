package durable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestWriteFileOnFullDisk limits the size of files instead of filling a disk:
// the same write call fails, for any user and without a mount.
func TestWriteFileOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "weights")
	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limit := syscall.Rlimit{Cur: 1 << 17, Max: old.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)
	err := WriteFile(path, func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Repeat("x", 1<<18))
		return err
	})
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("error is %v, want EFBIG", err)
	} else if strings.Contains(err.Error(), tempPrefix) {
		t.Errorf("error %v has a temporary name", err)
	}
	onlyFile(t, dir, "weights", "old")
}
