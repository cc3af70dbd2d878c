package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// NoRecord is the Record of an [Error] that concerns a whole file or folder.
const NoRecord = -1

// Error says what is wrong with data that was to be read, or that it is not
// there. Every fault of the data that this package finds is one.
type Error struct {
	// Path is the file or folder, empty for a set that is in no file.
	Path string
	// Record is the number of the image in the file, counted from 0, or
	// NoRecord.
	Record int
	// Err is what is wrong.
	Err error
	// Fix is what to do about it: the command or the setting; empty when only
	// the owner of the data can know.
	Fix string
}

// Error reads like: read "train.bin": record 7: label 10 is outside 0..9.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Path != "" {
		fmt.Fprintf(&b, "read %q: ", e.Path)
	}
	if e.Record != NoRecord {
		fmt.Fprintf(&b, "record %d: ", e.Record)
	}
	fmt.Fprint(&b, e.Err)
	if e.Fix != "" {
		fmt.Fprintf(&b, "; %s", e.Fix)
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// fileError is an Error about all of the file or folder at path.
func fileError(path string, err error) *Error {
	return &Error{Path: path, Record: NoRecord, Err: err}
}

// plainCause drops the path that the os package puts into its errors: ours
// name it already.
func plainCause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// kindOf is the word for what is no plain file.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}
