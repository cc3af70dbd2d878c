package durable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lockName is the file in a directory that its lock is held on. It stays when
// the lock is released: deleting it could split later comers over two files.
const lockName = ".lock"

var (
	// errHeld is what the system's lock call is translated to when another
	// process has the lock.
	errHeld = errors.New("lock is held")
	// errNoLocks is what it is translated to where the file system has no locks.
	errNoLocks = errors.New("the file system has no locks")
)

// LockedError is the refusal of [Lock].
type LockedError struct {
	Dir string
	// Holder is zero when the other process had not yet written who it is.
	Holder Holder
	// Remove is, on file systems without locks, the file to delete once it is
	// certain that the holder has ended; empty where the system takes care of that.
	Remove string
}

// Error names the directory and, where it is known, who holds it since when.
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
// another process, or another caller in this one, holds it, the error is a
// [*LockedError] that says who. Locks of dead processes do not exist: the
// system drops a lock with its process. Where the file system has no locks,
// files take their place, and the lock of a process that is known to be gone
// is taken over; see [Holder.Life].
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
	// Another host may have the same file system without locks.
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

// LockWait is [Lock], but waits while another holds the lock, until ctx is done:
// the error then is that of ctx. The function waiting, if it is not nil, is told
// once for whom.
func LockWait(ctx context.Context, dir string, waiting func(Holder)) (unlock func() error, err error) {
	const pause = 100 * time.Millisecond
	for told := false; ; told = true {
		unlock, err = Lock(dir)
		var locked *LockedError
		if !errors.As(err, &locked) {
			return unlock, err
		}
		if !told && waiting != nil {
			waiting(locked.Holder)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}
