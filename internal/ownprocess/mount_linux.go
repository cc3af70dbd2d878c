package ownprocess

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// MayMount gives the process of a test a namespace in which it may mount file systems, as
// root or where users may make namespaces (sysctl
// kernel.apparmor_restrict_unprivileged_userns=0). Pass it to [Run].
func MayMount(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
}

// HideMounts hides later mounts from processes outside of the namespace.
func HideMounts() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }
