package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// GrowFile makes data the content of the file at path, for readers that keep the
// file open and wait for more. If the file contains a prefix of data, GrowFile
// appends the rest; otherwise [WriteBytes] replaces the file. Two processes may grow a
// file to the same data at once: they write the same bytes at the same offsets.
//
// A process that is killed while it appends leaves a prefix of data, which the next
// call completes. The file is synced when GrowFile returns.
func GrowFile(path string, data []byte) error {
	grown, err := grow(path, data)
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	if grown {
		return nil
	}
	return WriteBytes(path, data)
}

// grow appends the rest of data. It returns false and does not change the file if the
// file does not contain a prefix of data or cannot be written in place.
func grow(path string, data []byte) (grown bool, err error) {
	before, err := os.Lstat(path)
	if err != nil || !before.Mode().IsRegular() || before.Size() == 0 || before.Size() > int64(len(data)) {
		return false, nil
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, nil
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if opened, err := file.Stat(); err != nil || !os.SameFile(before, opened) {
		return false, err // the file was replaced, perhaps by a link, after Lstat
	}
	there, err := io.ReadAll(io.LimitReader(file, int64(len(data))+1))
	if err != nil || !bytes.HasPrefix(data, there) {
		return false, err
	}
	if len(there) == len(data) {
		return true, nil
	}
	if _, err := file.WriteAt(data[len(there):], int64(len(there))); err != nil {
		return false, err
	}
	return true, file.Sync()
}
