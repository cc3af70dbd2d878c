package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// OpenPlain opens the file at path for reading. It refuses folders, pipes and devices.
// A directory from an untrusted source may contain a pipe or a device under the name of
// a file, and reading it might never end. OpenPlain follows links to plain files.
func OpenPlain(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
			cause.Op = "open" // the caller does not know of Stat
		}
		return nil, err
	}
	if err := plain("open", path, info.Mode()); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// ReadPlain reads the plain file at path, of at most limit bytes.
func ReadPlain(path string, limit int64) ([]byte, error) {
	file, err := OpenPlain(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	// Allocate the size at once: growing a buffer takes several times the memory.
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	tooLong := &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it has more than %d bytes", limit)}
	if info.Size() > limit {
		return nil, tooLong
	}
	var data bytes.Buffer
	data.Grow(int(info.Size()) + bytes.MinRead)
	n, err := data.ReadFrom(io.LimitReader(file, limit+1))
	if err == nil && n > limit { // the file has grown in the meantime
		err = tooLong
	}
	return data.Bytes(), err
}

// RefuseLink returns an error if there is something at path that is not a plain file.
// Call it before you open a file for writing in place in an untrusted directory:
// through a link, another file would be overwritten.
func RefuseLink(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return nil // opening the file will report it
	}
	return plain("write", path, info.Mode())
}

func plain(op, path string, mode fs.FileMode) error {
	if mode.IsRegular() {
		return nil
	}
	kind := "device"
	switch {
	case mode.IsDir():
		kind = "directory"
	case mode&fs.ModeSymlink != 0:
		kind = "symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		kind = "pipe"
	case mode&fs.ModeSocket != 0:
		kind = "socket"
	}
	return &fs.PathError{Op: op, Path: path, Err: fmt.Errorf("is a %s, not a file", kind)}
}
