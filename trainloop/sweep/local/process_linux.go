package local

import (
	"os"
	"os/exec"
	"syscall"
)

// detach puts the command into its own process group, and makes the system kill it if its
// parent dies.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }
