package rundir

import (
	"errors"
	"fmt"
	"io/fs"
)

// DataError is the error for a damaged file of a run directory.
type DataError struct {
	Path string
	// Line and Column count from 1; 0 means unknown. The column is in bytes.
	Line, Column int
	Message      string
}

// Error returns the message after path:line:column, as compilers write it.
func (e *DataError) Error() string {
	place := e.Path
	if e.Line > 0 {
		place += fmt.Sprintf(":%d", e.Line)
	}
	if e.Column > 0 {
		place += fmt.Sprintf(":%d", e.Column)
	}
	return place + ": " + e.Message
}

// unreadable returns the error for a file that could not be read: it wraps
// fs.ErrNotExist if there is no file, and otherwise is a *DataError.
func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return &DataError{Path: path, Message: err.Error()}
}
