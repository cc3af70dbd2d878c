package folder

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/dataset/internal/datatest"
)

// walked returns the images that Walk finds in dir, by their paths below it.
func walked(t *testing.T, dir string, recursive bool) (found, notes []string) {
	t.Helper()
	notes, err := Walk(t.Context(), dir, recursive, func(path string) error {
		name, err := filepath.Rel(dir, path)
		found = append(found, filepath.ToSlash(name))
		return err
	}, func(err error) error { return err })
	if err != nil {
		t.Fatal(err)
	}
	return found, notes
}

// TestWalk checks that images are found by their names or by their content, in order.
func TestWalk(t *testing.T) {
	png := encode(t, 2, 2, red)
	dir := datatest.WriteFiles(t, map[string][]byte{
		"b.png": png, "a.JPG": nil, "10": png, "9.txt": png, "notes.txt": []byte("This is no picture."), "empty": nil,
		".hidden.png": png, "__MACOSX/b.png": png, ".cache/c.png": png,
		"below/c.png": png, "below/deeper/d.webp": png, "below/e.md": []byte("#"),
	})
	flat := []string{"10", "9.txt", "a.JPG", "b.png"}
	found, notes := walked(t, dir, false)
	if !slices.Equal(found, flat) {
		t.Errorf("found %q, want %q", found, flat)
	}
	want := dir + ": skipped 1 without extension, 1 .txt (no JPEG, PNG, GIF, BMP or WebP); 2 hidden files or folders; 1 folder __MACOSX; 1 folder (--recursive reads it)"
	if !slices.Equal(notes, []string{want}) {
		t.Errorf("notes %q, want %q", notes, want)
	}
	all := []string{"10", "9.txt", "a.JPG", "b.png", "below/c.png", "below/deeper/d.webp"}
	found, notes = walked(t, dir, true)
	if !slices.Equal(found, all) {
		t.Errorf("found %q, want %q", found, all)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "1 .md") || strings.Contains(notes[0], "--recursive") {
		t.Errorf("notes %q", notes)
	}
}

// TestWalkPassesOver checks that a folder that cannot be read is skipped, and named.
func TestWalkPassesOver(t *testing.T) {
	png := encode(t, 2, 2, red)
	dir := datatest.WriteFiles(t, map[string][]byte{"a.png": png, strings.Repeat("d/", maxDepth) + "b.png": png, "z.png": png})
	var found []string
	var faults []error
	image := func(path string) error {
		found = append(found, filepath.Base(path))
		return nil
	}
	if _, err := Walk(t.Context(), dir, true, image, func(err error) error {
		faults = append(faults, err)
		return nil
	}); err != nil {
		t.Error(err)
	}
	if !slices.Equal(found, []string{"a.png", "z.png"}) || len(faults) != 1 || !strings.Contains(faults[0].Error(), "is more than 64 folders deep") {
		t.Errorf("found %q, faults %v", found, faults)
	}
	stop := errors.New("stop")
	if _, err := Walk(t.Context(), dir, true, image, func(error) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v, want that of unread", err)
	}
	missing := filepath.Join(dir, "missing")
	faults = nil
	_, err := Walk(t.Context(), missing, true, image, func(err error) error { faults = append(faults, err); return nil })
	if err != nil || len(faults) != 1 || !errors.Is(faults[0], os.ErrNotExist) || strings.Contains(faults[0].Error(), "data.path") {
		t.Errorf("a missing folder: %v, faults %v", err, faults)
	}
}

// TestWalkEnds checks that the walk ends with the context, and with the first error of its
// caller.
func TestWalkEnds(t *testing.T) {
	dir := datatest.WriteFiles(t, map[string][]byte{"a.png": nil, "b.png": nil, "c.txt": nil})
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	_, err := Walk(ctx, dir, false, func(string) error { n++; cancel(); return nil }, nil)
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("%d images, error %v", n, err)
	}
	failed := errors.New("failed")
	n = 0
	if _, err := Walk(t.Context(), dir, false, func(string) error { n++; return failed }, nil); !errors.Is(err, failed) || n != 1 {
		t.Errorf("%d images, error %v", n, err)
	}
}
