//go:build unix

package trainloop

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// PeakBytes is the most memory that the process has had, or 0 where the
// system does not tell.
func PeakBytes() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return u.Maxrss // in bytes, where others count kibibytes
	}
	return u.Maxrss * 1024
}
