package durable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lockName is the file in a directory that is locked. It is not deleted when the lock
// is released: otherwise two processes could lock two different files of that name.
const lockName = ".lock"

var (
	// errHeld is returned by lockFile if another process holds the lock.
	errHeld = errors.New("lock is held")
	// errNoLocks is returned by lockFile if the file system has no locks.
	errNoLocks = errors.New("the file system has no locks")
)

// LockedError says that another process holds the lock.
type LockedError struct {
	Dir string
	// Holder is zero if the other process has not written its description yet.
	Holder Holder
	// Remove is the file to delete once it is certain that the holder has ended. It
	// is empty where the system drops the locks of processes that end.
	Remove string
}

// Error names the directory and, if known, who has held the lock since when.
func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("lock %q: another process is using it", e.Dir)
	}
	text := fmt.Sprintf("lock %q: %s has been using it since %s", e.Dir, e.Holder, e.Holder.Since.Format(time.DateTime))
	if e.Remove != "" {
		text += fmt.Sprintf(" (the file system has no locks that end with a process: if that one is gone for good, delete %q)", e.Remove)
	}
	return text
}

// Lock takes the exclusive lock on dir, which must exist, without waiting. If
// another process, or another caller in this process, holds it, the error is a
// [*LockedError] that says who. When a process ends, the system drops its locks. If
// the file system has no locks, Lock uses files instead, and takes the lock from a
// process that is known to have ended; see [Holder.Life].
func Lock(dir string) (unlock func() error, err error) {
	path := filepath.Join(dir, lockName)
	if err := RefuseLink(path); err != nil {
		return nil, fmt.Errorf("lock %q: %w", dir, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", dir, err)
	}
	switch err := lockFile(file); {
	case errors.Is(err, errHeld):
		defer file.Close()
		return nil, &LockedError{Dir: dir, Holder: readHolder(file)}
	case errors.Is(err, errNoLocks):
		defer file.Close()
		return lockByGeneration(dir)
	case err != nil:
		defer file.Close()
		return nil, fmt.Errorf("lock %q: %w", dir, err)
	}
	// A host on which the same file system has no locks may have made a file instead.
	if last, holder, err := generation(dir); err == nil && holder.Life() != Gone {
		defer file.Close()
		return nil, &LockedError{Dir: dir, Holder: holder, Remove: generationPath(dir, last)}
	}
	if err := writeHolder(file); err != nil {
		defer file.Close()
		return nil, fmt.Errorf("lock %q: %w", dir, err)
	}
	return func() error { return errors.Join(file.Truncate(0), file.Close()) }, nil
}

// LockWait is like [Lock], but waits while another process holds the lock. If ctx is
// done first, it returns the error of ctx. If it has to wait, it calls the function
// waiting once with the holder, unless waiting is nil.
func LockWait(ctx context.Context, dir string, waiting func(Holder)) (unlock func() error, err error) {
	const pause = 100 * time.Millisecond
	for reported := false; ; reported = true {
		unlock, err = Lock(dir)
		var locked *LockedError
		if !errors.As(err, &locked) {
			return unlock, err
		}
		if !reported && waiting != nil {
			waiting(locked.Holder)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}
