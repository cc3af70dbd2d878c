//go:build unix

package sysmem

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Peak returns the most bytes of memory that the process has used. It is 0 if the
// system does not say.
func Peak() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return u.Maxrss // in bytes, where others count kibibytes
	}
	return u.Maxrss * 1024
}
