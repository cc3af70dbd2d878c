package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/dataset/synthetic"
	"onnxlab/internal/durable"
)

// TestSynthMeanwhile: if another process writes or has written a set while this one draws
// its own, the other's set is left alone.
func TestSynthMeanwhile(t *testing.T) {
	train, validation, err := synthetic.Draw(context.Background(), 1, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	o := dataSynthOptions{out: t.TempDir(), train: 5, validation: 1}
	unlock, err := durable.Lock(o.out)
	if err != nil {
		t.Fatal(err)
	}
	var locked *durable.LockedError
	if err := o.write(train, validation); !errors.As(err, &locked) {
		t.Errorf("beside another process: error %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.out, "test_batch.bin")
	if err := os.WriteFile(path, []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.write(train, validation); err == nil || !strings.Contains(err.Error(), "contains a set already") {
		t.Errorf("after another process: error %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "another's" {
		t.Errorf("the other's set holds %q, error %v", data, err)
	}
	o.force = true
	if err := o.write(train, validation); err != nil {
		t.Error(err)
	}
}
