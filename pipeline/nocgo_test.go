package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestWithoutCgo builds the command as CGO_ENABLED=0 does, $NOCGO in the scripts
// of testdata/nocgo, and runs what needs no training. The scripts have the
// command with cgo as well, to make what it works on.
func TestWithoutCgo(t *testing.T) {
	program := filepath.Join(t.TempDir(), "pipeline-nocgo")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build without cgo: %v\n%s", err, out)
	}
	runScripts(t, filepath.Join("testdata", "nocgo"), map[string]string{"NOCGO": program})
}
