package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// askName is the file by which the holder of a directory's lock is asked to leave.
const askName = ".lock.asked"

// Ask asks the holder of the lock on dir to leave. It goes through the directory, and so
// reaches a process on another host too, as long as that has the file system.
func Ask(dir string) error {
	data, err := describeHolder()
	if err != nil {
		return err
	}
	return WriteBytes(filepath.Join(dir, askName), data)
}

// Asked tells whether another process has asked the holder of the lock on dir, which
// this one is, to leave.
func Asked(dir string) bool {
	file, err := OpenPlain(filepath.Join(dir, askName))
	if err != nil {
		return false
	}
	defer file.Close()
	return readHolder(file).PID != 0
}

// ClearAsked takes the request of [Ask] away, once the lock is the caller's.
func ClearAsked(dir string) error {
	if err := os.Remove(filepath.Join(dir, askName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
