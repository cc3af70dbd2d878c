package library

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestEnsureTellsACacheThatCannotBeRead: a cache that cannot be read may belong to
// another user and be intact, so it is not called damaged, and nothing is fetched.
func TestEnsureTellsACacheThatCannotBeRead(t *testing.T) {
	b, c := emptyCache(t)
	placeLibrary(t, c, b.cacheName())
	dir := filepath.Join(c.root, b.cacheName())
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	obeyModes(t)
	_, err := Ensure(t.Context(), Options{})
	if err == nil || !strings.Contains(err.Error(), "it cannot be read: ") || strings.Contains(err.Error(), "damaged") {
		t.Errorf("error is %v", err)
	}
}

// obeyModes makes file permissions apply to the test even if it runs as root: its
// thread then opens files as the user nobody.
func obeyModes(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	runtime.LockOSThread()
	if err := syscall.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Setfsuid(0) // root, as before
		runtime.UnlockOSThread()
	})
}
