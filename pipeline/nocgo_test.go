package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWithoutCgoLinksNoC: built with CGO_ENABLED=0, the command imports no package with cgo or
// C files.
func TestWithoutCgoLinksNoC(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{len .CgoFiles}} {{len .CFiles}}", ".")
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := list.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	packages := 0
	for line := range strings.Lines(string(out)) {
		var name string
		var cgo, c int
		if _, err := fmt.Sscan(line, &name, &cgo, &c); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		packages++
		if cgo+c > 0 || name == "runtime/cgo" || strings.Contains(name, "onnxruntime_go") {
			t.Errorf("it imports %s, with %d files of cgo and %d of C", name, cgo, c)
		}
	}
	if packages < 100 {
		t.Errorf("only %d packages are listed", packages)
	}
}

// TestWithoutCgo builds the command with CGO_ENABLED=0, as $NOCGO, and runs everything that
// needs no training in the scripts of testdata/nocgo. They also have the command with cgo,
// to make its inputs.
func TestWithoutCgo(t *testing.T) {
	program := filepath.Join(t.TempDir(), "pipeline-nocgo")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build without cgo: %v\n%s", err, out)
	}
	runScripts(t, filepath.Join("testdata", "nocgo"), map[string]string{"NOCGO": program})
}
