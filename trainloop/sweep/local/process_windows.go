package local

import (
	"os"
	"os/exec"
)

// detach does nothing: Windows has no process groups of this kind.
func detach(*exec.Cmd) {}

// interrupt kills the process, since Windows cannot interrupt another one. What it saved
// last is kept.
func interrupt(p *os.Process) error { return p.Kill() }
