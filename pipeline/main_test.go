package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"onnxlab/ort/library"
	"onnxlab/ort/library/librarytest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pipeline": func() { os.Exit(run()) },
	})
}

// TestScripts runs each script of testdata. Each file is about one topic.
func TestScripts(t *testing.T) { runScripts(t, "testdata", nil) }

// runScripts runs the scripts of a folder, with more environment variables.
func runScripts(t *testing.T, dir string, more map[string]string) {
	t.Helper()
	testscript.Run(t, scriptParams(t, dir, more))
}

// scriptParams returns the parameters of the scripts in dir. Their environment names the ONNX
// Runtime library, since their home folder has no cache. $BIN is the folder of the command,
// $CONFIGS that of the experiments of this repository, $MODELS that of classifiers of 5
// classes exported by PyTorch, and $PHOTOS has a folder turbo with JPEG images.
func scriptParams(t *testing.T, dir string, more map[string]string) testscript.Params {
	t.Helper()
	path := librarytest.Path(t)
	configs, err := filepath.Abs(filepath.Join("..", "configs"))
	if err != nil {
		t.Fatal(err)
	}
	models, err := filepath.Abs(filepath.Join("..", "onnxmodels", "importer", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	photos, err := filepath.Abs(filepath.Join("..", "dataset", "photo", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			env.Setenv(library.EnvLibrary, path)
			env.Setenv("CONFIGS", configs)
			env.Setenv("MODELS", models)
			env.Setenv("PHOTOS", photos)
			for name, value := range more {
				env.Setenv(name, value)
			}
			env.Setenv("BIN", filepath.SplitList(os.Getenv("PATH"))[0])
			return nil
		},
	}
}

// exits runs a command and checks its exit status: exits 2 pipeline train now
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND...")
	}
	got, err := 0, ts.Exec(args[1], args[2:]...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("run %v: %v", args[1:], err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, want %s\n%s", got, args[0], ts.ReadFile("stderr"))
	}
}
