package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"onnxlab/internal/ortlib"
	"onnxlab/internal/ortlib/ortlibtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pipeline": func() { os.Exit(run()) },
	})
}

// TestScripts runs each script of testdata: one topic a file. Scripts have the
// ONNX Runtime library, which their home folder could not cache, and in $BIN
// the folder that the command itself is in.
func TestScripts(t *testing.T) {
	library := ortlibtest.Path(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv(ortlib.EnvLibrary, library)
			env.Setenv("BIN", filepath.SplitList(os.Getenv("PATH"))[0])
			return nil
		},
	})
}
