//go:build cgo

package library_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/ort/library"
	"onnxlab/ort/library/librarytest"
)

// expectLibraryError checks that err is an Error for path with text.
func expectLibraryError(t *testing.T, err error, path, text string) {
	t.Helper()
	var library *library.Error
	if !errors.As(err, &library) || library.Path != path || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %v, want an Error for %s with %q", err, path, text)
	}
}

func TestOpen(t *testing.T) {
	librarytest.Open(t)
	if version := library.Version(); version != "1.28.0" {
		t.Errorf("version is %q, want 1.28.0", version)
	}
}

func TestOpenCounts(t *testing.T) {
	path := librarytest.Path(t)
	for range 2 {
		for range 2 {
			if err := library.Open(path); err != nil {
				t.Fatal(err)
			}
		}
		other := filepath.Join(t.TempDir(), "other")
		expectLibraryError(t, library.Open(other), other, "is already open")
		for range 2 {
			if library.Version() == "" {
				t.Error("closed before the last Close")
			}
			if err := library.Close(); err != nil {
				t.Error(err)
			}
		}
		if library.Version() != "" {
			t.Error("open after the last Close")
		}
	}
	if err := library.Close(); err == nil {
		t.Error("Close without Open succeeded")
	}
}

func TestOpenWhatIsNoLibrary(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct{ content, want string }{
		"empty.so": {"", "is not a shared library"},
		"text.so":  {"text", "is not a shared library"},
		"head.so":  {"\x7fELF", "runtime install"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(test.content), 0o666); err != nil {
			t.Fatal(err)
		}
		expectLibraryError(t, library.Open(path), path, test.want)
	}
	expectLibraryError(t, library.Open(dir), dir, "is not a file")
	missing := filepath.Join(dir, "missing.so")
	expectLibraryError(t, library.Open(missing), missing, "no such file")
}

func TestInstallOther(t *testing.T) {
	folder := filepath.Dir(librarytest.Path(t))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv(library.EnvLibrary, "")
	installed, err := library.Install(t.Context(), library.Options{}, folder)
	if err != nil {
		t.Fatal(err)
	}
	info, err := library.Describe(t.Context(), library.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if info.Path != installed.Path || info.Origin != library.OriginInstalled || info.Source != folder ||
		info.Version != "1.28.0" || !info.Training || info.CUDA {
		t.Errorf("info is %+v", info)
	}
	path, err := library.Ensure(t.Context(), library.Options{})
	if err != nil || path != installed.Path {
		t.Errorf("Ensure returns %q, error %v; want %q", path, err, installed.Path)
	}
}
