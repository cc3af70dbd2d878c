//go:build unix && !linux

package local

import (
	"os"
	"os/exec"
	"syscall"
)

// detach puts the command into its own process group.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }
