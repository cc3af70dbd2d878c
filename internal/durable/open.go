package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// OpenPlain opens the file at path for reading. A folder is refused, and so is
// a pipe or a device, which a stranger's directory may hold under the name of
// a file: reading it might never end. A link to a plain file is followed.
func OpenPlain(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
			cause.Op = "open" // what the caller is at
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
	// The size comes first: reading on and on takes several times the memory.
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
	if err == nil && n > limit { // it has grown meanwhile
		err = tooLong
	}
	return data.Bytes(), err
}

// RefuseLink returns an error if there is something at path that is not a
// plain file. It goes before a file is opened for writing in place in a
// directory that may be a stranger's: through a link, another file would be
// written.
func RefuseLink(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return nil // opening it tells
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
