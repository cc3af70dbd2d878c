package dataset

import (
	"fmt"
	"io/fs"
	"strings"
)

// NoRecord is the Record of an [Error] that concerns a whole file or folder.
const NoRecord = -1

// Error says what is wrong with data, or that it is missing. Every fault of the data that
// this package finds is an Error.
type Error struct {
	// Path is the file or folder; empty for a set that is not in files.
	Path string
	// Record is the number of the image in the file, counted from 0, or
	// NoRecord.
	Record int
	// Err says what is wrong.
	Err error
	// Fix says what to do about it, with a command or a setting. It is empty if only the
	// owner of the data can know.
	Fix string
}

// Error returns a message such as: read "train.bin": record 7: label 10 is outside 0..9.
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

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// FileError returns an [Error] about the whole file or folder at path. It removes the path
// from errors of the os package.
func FileError(path string, err error) *Error {
	return &Error{Path: path, Record: NoRecord, Err: Cause(err)}
}

// Cause returns an error of the os package without its path.
func Cause(err error) error {
	if pathErr, ok := err.(*fs.PathError); ok {
		return pathErr.Err
	}
	return err
}
