// Package ortlibtest gives tests the ONNX Runtime library.
package ortlibtest

import (
	"os"
	"testing"

	"onnxlab/internal/ortlib"
)

// Path is the library for the CPU, which is fetched if it is not there yet. A
// test that cannot have it fails: nothing is skipped.
func Path(t testing.TB) string {
	t.Helper()
	path, err := ortlib.Ensure(t.Context(), ortlib.Options{Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Open opens the library of [Path] for the rest of the test.
func Open(t testing.TB) {
	t.Helper()
	if err := ortlib.Open(Path(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ortlib.Close(); err != nil {
			t.Error(err)
		}
	})
}
