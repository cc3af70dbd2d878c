package durable

import (
	"os"
	"path/filepath"
	"testing"
)

// TestGrowFile: a file that contains a prefix of the new data grows, so that a
// reader that has it open sees the rest. Any other file is replaced.
func TestGrowFile(t *testing.T) {
	for _, c := range []struct {
		before, data string
		grows        bool
	}{
		{"one ", "one two", true},
		{"one two", "one two", true},
		{"one two", "one", false},
		{"two ", "one two", false},
		{"", "one", false},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "events")
		if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := GrowFile(path, []byte(c.data)); err != nil {
			t.Fatal(err)
		}
		onlyFile(t, dir, "events", c.data)
		after, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if same := os.SameFile(before, after); same != c.grows {
			t.Errorf("%q to %q: the same file: %v, want %v", c.before, c.data, same, c.grows)
		}
	}
}

func TestGrowFileMakesFile(t *testing.T) {
	dir := t.TempDir()
	if err := GrowFile(filepath.Join(dir, "events"), []byte("one")); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, dir, "events", "one")
}

// TestGrowFileFollowsNoLink: GrowFile replaces a link. If it followed the link,
// it would change another file.
func TestGrowFileFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	precious, path := filepath.Join(dir, "precious"), filepath.Join(dir, "events")
	if err := os.WriteFile(precious, []byte("one "), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("precious", path); err != nil {
		t.Skip(err)
	}
	if err := GrowFile(path, []byte("one two")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{precious: "one ", path: "one two"} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s holds %q (error %v), want %q", name, got, err, want)
		}
	}
}
