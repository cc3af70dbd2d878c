package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var errBroken = errors.New("broken")

// onlyFile fails the test unless dir holds exactly one file, name, with content.
func onlyFile(t *testing.T, dir, name, content string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || string(data) != content {
		t.Errorf("file holds %q (error %v), want %q", data, err, content)
	}
	if names := list(t, dir); len(names) != 1 {
		t.Errorf("directory holds %q, want only %q", names, name)
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestWriteBytesCreatesAndReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "weights")
	for _, content := range []string{"first and longer", "second", ""} {
		if err := WriteBytes(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		onlyFile(t, dir, "weights", content)
	}
}

func TestWriteFileKeepsModeOfReplacedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weights")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil { // independent of the umask
		t.Fatal(err)
	}
	if err := WriteBytes(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	before, after := os.FileMode(0o640), mode(t, path)
	if after != before {
		t.Errorf("mode is %v, want %v", after, before)
	}
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestWriteFileFailureLeavesTargetAlone(t *testing.T) {
	long := strings.Repeat("x", 1<<18) // more than the buffer: reaches the file
	writers := map[string]func(io.Writer) error{
		"at once":   func(io.Writer) error { return errBroken },
		"half-way":  func(w io.Writer) error { io.WriteString(w, long); return errBroken },
		"in buffer": func(w io.Writer) error { io.WriteString(w, "some"); return errBroken },
	}
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "weights")
			if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
				t.Fatal(err)
			}
			err := WriteFile(path, write)
			if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), path) {
				t.Errorf("error is %v, want errBroken with the path", err)
			}
			onlyFile(t, dir, "weights", "old")
		})
	}
}

func TestWriteFilePanicLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the caller")
			}
		}()
		WriteFile(filepath.Join(dir, "weights"), func(io.Writer) error { panic("broken") })
	}()
	if names := list(t, dir); len(names) != 0 {
		t.Errorf("directory holds %q, want nothing", names)
	}
}

func TestWriteFileOverDirectoryFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "weights")
	if err := os.Mkdir(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := WriteBytes(path, []byte("new")); err == nil || err.Error() != fmt.Sprintf("write %q: is a directory, not a file", path) {
		t.Errorf("error is %v, want one that says it is a directory", err)
	}
	if names := list(t, dir); len(names) != 1 {
		t.Errorf("directory holds %q, want only the old directory", names)
	}
}

func TestWriteFileInMissingDirectoryFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "weights")
	if err := WriteBytes(path, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v, want one that says the directory does not exist", err)
	} else if strings.Contains(err.Error(), tempPrefix) {
		t.Errorf("error %v has a temporary name", err)
	}
}

func TestWriteFileNameAsLongAsAllowed(t *testing.T) {
	dir := t.TempDir()
	name := strings.Repeat("ü", 127) // 254 bytes; the usual limit is 255
	if err := WriteBytes(filepath.Join(dir, name), []byte("new")); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, dir, name, "new")
}
