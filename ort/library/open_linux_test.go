//go:build cgo

package library_test

import (
	"os"
	"testing"

	"onnxlab/ort/library"
)

// TestOpenCutLibraries: truncated libraries are refused. The dynamic linker would trust
// the header and end the process when it reads beyond the end of the file.
func TestOpenCutLibraries(t *testing.T) {
	path := compile(t, "-DNEWEST=20", `-DSIBLING=""`, "-DENTRY=OrtGetApiBase")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{info.Size() / 2, 4096, 64, 10} {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		expectLibraryError(t, library.Open(path), path, "it is damaged: ")
	}
}
