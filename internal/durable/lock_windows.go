package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockFile takes the lock, or returns errHeld. Closing file drops it.
//
// The locked byte is far beyond the end of the file, because others cannot read
// locked bytes on Windows but need to read who holds the lock.
func lockFile(file *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errHeld
	}
	return os.NewSyscallError("LockFileEx", err)
}
