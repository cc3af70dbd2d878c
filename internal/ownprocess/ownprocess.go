// Package ownprocess runs tests in processes of their own: those that measure the
// process, or need an environment or rights that other tests must not have.
//
//	if !ownprocess.Is(t) {
//		if err := ownprocess.Run(t, nil); err != nil {
//			t.Fatal(err)
//		}
//		return
//	}
package ownprocess

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// variable is the environment variable that is set to the test's name in its own
// process. It does not have the prefix of the variables that package configs reads.
const variable = "TEST_IN_OWN_PROCESS"

// Is tells whether this is the process of the test.
func Is(t *testing.T) bool { return os.Getenv(variable) == t.Name() }

// Run runs the calling test in a process of its own. change may adjust the command
// first; it may be nil. The error contains the output.
func Run(t *testing.T, change func(*exec.Cmd)) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"="+t.Name())
	if change != nil {
		change(cmd)
	}
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		return fmt.Errorf("%w\n%s", err, out)
	case !strings.Contains(string(out), "--- PASS: "+t.Name()+" "):
		return fmt.Errorf("nothing was run:\n%s", out)
	}
	t.Logf("%s", out)
	return nil
}
