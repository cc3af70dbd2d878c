package local

import (
	"os"
	"os/exec"
	"syscall"
)

// detach puts the command into a process group of its own, and ends it with
// its parent even if that is killed.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }
