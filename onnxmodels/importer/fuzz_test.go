package importer_test

import (
	"os"
	"path/filepath"
	"testing"

	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// FuzzRead: any bytes give either a graph or an error.
func FuzzRead(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join("testdata", "*.onnx"))
	if err != nil || len(paths) == 0 {
		f.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := modelfile.Decode(data)
		if err != nil {
			return
		}
		if read, err := importer.Read(m, importer.Options{Height: 8, Width: 8}); err == nil && read.Logits == nil {
			t.Error("a graph without logits")
		}
		if _, err := importer.Canonical(m); err != nil {
			return
		}
	})
}
