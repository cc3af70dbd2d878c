package durable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// lockName is the file in a directory that is locked. It is not deleted when the lock
// is released: otherwise two processes could lock two different files of that name.
const lockName = ".lock"

// errHeld is returned by lockFile if another process holds the lock.
var errHeld = errors.New("lock is held")

// Holder says who holds a lock.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// LockedError says that another process holds the lock.
type LockedError struct {
	Dir string
	// Holder is zero if the other process has not written who it is yet.
	Holder Holder
}

// Error names the directory and, if known, who has held the lock since when.
func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("lock %q: another process is using it", e.Dir)
	}
	return fmt.Sprintf("lock %q: process %d on %s has been using it since %s", e.Dir,
		e.Holder.PID, e.Holder.Host, e.Holder.Since.Format(time.DateTime))
}

// Lock takes the exclusive lock on dir, which must exist, without waiting. If
// another process, or another caller in this process, holds it, the error is a
// [*LockedError] that says who. When a process ends, the system drops its locks.
func Lock(dir string) (unlock func() error, err error) {
	path := filepath.Join(dir, lockName)
	if err := RefuseLink(path); err != nil {
		return nil, fmt.Errorf("lock %q: %w", dir, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", dir, err)
	}
	if err := lockFile(file); err != nil {
		defer file.Close()
		if errors.Is(err, errHeld) {
			return nil, &LockedError{Dir: dir, Holder: readHolder(file)}
		}
		return nil, fmt.Errorf("lock %q: %w", dir, err)
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

// readHolder reads who holds the lock; it is zero if the file does not say.
func readHolder(file *os.File) Holder {
	const limit = 4096
	var holder Holder
	data, err := io.ReadAll(io.LimitReader(file, limit))
	if err != nil || json.Unmarshal(data, &holder) != nil {
		return Holder{}
	}
	return holder
}

// writeHolder writes that this process holds the lock, in place of the previous
// holder.
func writeHolder(file *os.File) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	data, err := json.Marshal(Holder{PID: os.Getpid(), Host: host, Since: time.Now()})
	if err != nil {
		return err
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err = file.WriteAt(data, 0)
	return err
}
