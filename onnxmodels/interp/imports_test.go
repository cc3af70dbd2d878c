package interp

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports checks that the pure Go runtime links no C: neither the binding of ONNX Runtime nor
// the kernels.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{len .CgoFiles}}", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		name, files, _ := strings.Cut(strings.TrimSpace(line), " ")
		standard := !strings.Contains(strings.Split(name, "/")[0], ".") && !strings.HasPrefix(name, "onnxlab")
		if files != "0" && !standard || strings.Contains(name, "onnxruntime_go") || strings.HasPrefix(name, "onnxlab/ort/kernels") {
			t.Errorf("it imports %s, with %s files of cgo", name, files)
		}
	}
}
