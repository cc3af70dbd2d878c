package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"onnxlab/pipeline/internal/cli"
)

// countdown is a context that is cancelled after left calls of Err.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left == 0 {
		return context.Canceled
	}
	c.left--
	return nil
}

// filesIn returns the contents of the files in dir by their names.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(data)
	}
	return files
}

// TestPreviewInterrupted interrupts a preview at each of its pictures and in its animation:
// an earlier preview stays unchanged, and nothing of the new one is left.
func TestPreviewInterrupted(t *testing.T) {
	earlier, later := filepath.Join(t.TempDir(), "earlier"), filepath.Join(t.TempDir(), "later")
	preview := func(ctx context.Context, dir string, count int) error {
		opts := &previewOptions{out: dir, count: count, variants: 1, gif: true, ExperimentFlags: cli.ExperimentFlags{Sets: []string{"augment.recipe=strong"}}}
		return runPreview(ctx, opts, false, io.Discard, io.Discard)
	}
	if err := preview(t.Context(), earlier, 2); err != nil {
		t.Fatal(err)
	}
	before := filesIn(t, earlier)
	if len(before) != 2*2+3 {
		t.Fatalf("%d files, want 2 pictures twice, the sheet, the animation and the manifest", len(before))
	}
	looks := 0
	for ; ; looks++ {
		err := preview(&countdown{t.Context(), looks}, earlier, 3)
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || !reflect.DeepEqual(filesIn(t, earlier), before) {
			t.Fatalf("after %d looks: error %v, or the earlier preview has changed", looks, err)
		}
		if err := preview(&countdown{t.Context(), looks}, later, 3); !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d looks: error %v", looks, err)
		}
		if _, err := os.Stat(later); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("after %d looks something is left: %v", looks, err)
		}
	}
	if looks < 3+2 {
		t.Errorf("interrupted at %d places, want 3 pictures and 2 frames at least", looks)
	}
	if after := filesIn(t, earlier); len(after) != 2*3+3 {
		t.Errorf("%d files in the end, want 9", len(after))
	}
}
