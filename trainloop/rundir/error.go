package rundir

import (
	"errors"
	"fmt"
	"io/fs"
)

// DataError is a file of a run directory that is damaged.
type DataError struct {
	Path string
	// Line and Column count from 1; 0 where they are not known. The column is
	// in bytes.
	Line, Column int
	Message      string
}

// Error writes the place as compilers do: path:line:column.
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

// unreadable is the error of a file that could not be read: one that is not
// there wraps fs.ErrNotExist, anything else is damage.
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
