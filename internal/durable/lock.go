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

// lockName is the file in a directory that its lock is held on. It stays when
// the lock is released: deleting it could split later comers over two files.
const lockName = ".lock"

// errHeld is what the system's lock call is translated to when another process
// has the lock.
var errHeld = errors.New("lock is held")

// Holder says who holds a lock.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// LockedError is the refusal of [Lock].
type LockedError struct {
	Dir string
	// Holder is zero when the other process had not yet written who it is.
	Holder Holder
}

// Error names the directory and, where it is known, who holds it since when.
func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("lock %q: another process is using it", e.Dir)
	}
	return fmt.Sprintf("lock %q: process %d on %s has been using it since %s", e.Dir,
		e.Holder.PID, e.Holder.Host, e.Holder.Since.Format(time.DateTime))
}

// Lock takes the exclusive lock on dir, which must exist, without waiting. If
// another process, or another caller in this one, holds it, the error is a
// [*LockedError] that says who. Locks of dead processes do not exist: the
// system drops a lock with its process.
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

// writeHolder replaces what a previous holder wrote by this process.
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
