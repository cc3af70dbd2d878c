package rundir

import (
	"errors"
	"os"
)

// Failure is failure.json: why a run ended without a summary.
type Failure struct {
	// Error is the message that the run ended with.
	Error string `json:"error"`
	// ExitStatus is the exit status of its process; -1 if a signal ended it.
	ExitStatus int `json:"exit_status"`
	// Cell says which run failed, since a run can fail before it has written any other
	// file with its seed. It is nil in files of earlier versions.
	Cell *Key `json:"cell,omitempty"`
}

// WriteFailure marks the run in dir as failed.
func WriteFailure(dir string, f Failure) error { return writeJSON(Layout{dir}.Failure(), f) }

// ReadFailure reads failure.json of the run directory dir. If there is none, the error
// wraps fs.ErrNotExist.
func ReadFailure(dir string) (Failure, error) { return readJSON[Failure](Layout{dir}.Failure()) }

// ClearFailure removes failure.json, if there is one, so that the run can start again.
func ClearFailure(dir string) error {
	if err := os.Remove(Layout{dir}.Failure()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
