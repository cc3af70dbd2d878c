package dataset

import (
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

// FileError is an [Error] about all of the file or folder at path. It leaves out
// the path that the os package puts into its errors.
func FileError(path string, err error) *Error {
	return &Error{Path: path, Record: NoRecord, Err: Cause(err)}
}

// Cause is an error without the path that the os package puts into it.
func Cause(err error) error {
	if pathErr, ok := err.(*fs.PathError); ok {
		return pathErr.Err
	}
	return err
}
