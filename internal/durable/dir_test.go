package durable

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// filled makes a temporary directory in parent with one file that holds content.
func filled(t *testing.T, parent, content string) string {
	t.Helper()
	tmp, err := TempDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tmp, "data"), []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return tmp
}

func TestPublishDir(t *testing.T) {
	holds := func(want string) func(string) bool {
		return func(dir string) bool {
			data, _ := os.ReadFile(filepath.Join(dir, "data"))
			return string(data) == want
		}
	}
	tests := map[string]struct {
		old      string
		complete func(string) bool
		want     string
	}{
		"nothing there":    {"", holds("ours"), "ours"},
		"complete there":   {"theirs", holds("theirs"), "theirs"},
		"incomplete there": {"half", holds("theirs"), "ours"},
		"anything will do": {"theirs", nil, "theirs"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			target := filepath.Join(parent, "target")
			if test.old != "" {
				if err := os.Rename(filled(t, parent, test.old), target); err != nil {
					t.Fatal(err)
				}
			}
			if err := PublishDir(filled(t, parent, "ours"), target, test.complete); err != nil {
				t.Fatal(err)
			}
			onlyFile(t, target, "data", test.want)
			if names := list(t, parent); len(names) != 1 {
				t.Errorf("parent holds %q, want only the target", names)
			}
		})
	}
}

func TestPublishDirFailureRemovesOurs(t *testing.T) {
	parent := t.TempDir()
	tmp := filled(t, parent, "ours")
	if err := PublishDir(tmp, filepath.Join(parent, "missing", "target"), nil); err == nil || strings.Contains(err.Error(), tempPrefix) {
		t.Errorf("error is %v, want one without a temporary name", err)
	}
	if names := list(t, parent); len(names) != 0 {
		t.Errorf("parent holds %q, want nothing", names)
	}
}

func TestPublishDirManyAtOnce(t *testing.T) {
	parent := t.TempDir()
	target := filepath.Join(parent, "target")
	whole := func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "data"))
		return err == nil
	}
	var group sync.WaitGroup
	for range 8 {
		tmp := filled(t, parent, "same")
		group.Go(func() {
			if err := PublishDir(tmp, target, whole); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	onlyFile(t, target, "data", "same")
	if names := list(t, parent); len(names) != 1 {
		t.Errorf("parent holds %q, want only the target", names)
	}
}

func TestRemoveLeftovers(t *testing.T) {
	dir := t.TempDir()
	old, fresh := filled(t, dir, "old"), filled(t, dir, "fresh")
	if err := os.WriteFile(filepath.Join(dir, "kept"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(old, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	if err := RemoveLeftovers(dir, 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if names := list(t, dir); len(names) != 2 || names[0] != filepath.Base(fresh) || names[1] != "kept" {
		t.Errorf("directory holds %q, want the fresh one and \"kept\"", names)
	}
	if err := RemoveLeftovers(dir, 0); err != nil {
		t.Fatal(err)
	}
	if names := list(t, dir); len(names) != 1 {
		t.Errorf("directory holds %q, want only \"kept\"", names)
	}
}
