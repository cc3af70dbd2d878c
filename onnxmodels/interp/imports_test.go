package interp

import (
	"os/exec"
	"path"
	"strings"
	"testing"
)

// TestImports checks that models are made, read, differentiated and run in pure Go: these
// packages link no C, neither the binding of ONNX Runtime nor the kernels.
func TestImports(t *testing.T) {
	for _, name := range []string{"interp", "importer", "inspect", "verify", "gradient", "."} {
		out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{len .CgoFiles}}", path.Join("onnxlab/onnxmodels", name)).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			imported, files, _ := strings.Cut(strings.TrimSpace(line), " ")
			standard := !strings.Contains(strings.Split(imported, "/")[0], ".") && !strings.HasPrefix(imported, "onnxlab")
			if files != "0" && !standard || strings.Contains(imported, "onnxruntime_go") || strings.HasPrefix(imported, "onnxlab/ort") {
				t.Errorf("onnxmodels/%s imports %s, with %s files of cgo", name, imported, files)
			}
		}
	}
}
