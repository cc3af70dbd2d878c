package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// askName is the file by which the holder of a directory's lock is asked to leave.
const askName = ".lock.asked"

// Ask asks the holder of the lock on dir to leave. It writes a file into the directory,
// so it also reaches a process on another host that shares the file system.
func Ask(dir string) error {
	data, err := describeHolder()
	if err != nil {
		return err
	}
	return WriteBytes(filepath.Join(dir, askName), data)
}

// Asked reports whether another process has asked this one, which holds the lock on dir,
// to leave.
func Asked(dir string) bool {
	file, err := OpenPlain(filepath.Join(dir, askName))
	if err != nil {
		return false
	}
	defer file.Close()
	return readHolder(file).PID != 0
}

// ClearAsked removes the request of [Ask]. Call it once you hold the lock.
func ClearAsked(dir string) error {
	if err := os.Remove(filepath.Join(dir, askName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
