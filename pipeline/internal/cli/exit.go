package cli

import (
	"context"
	"errors"
	"fmt"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/durable"
	"onnxlab/ort/session"
	"onnxlab/trainloop"
	"onnxlab/trainloop/report"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
	"onnxlab/trainloop/sweep"
	"onnxlab/trainloop/warmstart"
)

// The exit statuses of the command.
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitData        = 3
	ExitLocked      = sweep.ExitLocked
	ExitInterrupted = 130
)

// ExitHelp ends the long help of every command that can fail in more than
// one way.
const ExitHelp = `
EXIT STATUS
  0    done
  1    failed
  2    bad usage or configuration
  3    bad or missing data
  4    the directory is in use by another process or by jobs of a cluster
  130  interrupted`

// ExitStatus returns the exit status for err. ctx is the context that a signal
// cancels.
func ExitStatus(ctx context.Context, err error) int {
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled), IsAny[*trainloop.Interrupted](err):
		return ExitInterrupted
	case IsAny[*failedError](err): // whatever other errors are joined with it
		return ExitFailed
	case IsAny[*durable.LockedError](err), IsAny[*sweep.BusyError](err), IsAny[*inUseError](err):
		return ExitLocked
	case IsAny[*UsageError](err), IsAny[*configs.Error](err), IsAny[*trainloop.SettingError](err),
		IsAny[*trainloop.Occupied](err), IsAny[*trainloop.Mismatch](err), IsAny[*warmstart.Misfit](err):
		return ExitUsage
	case IsAny[*dataError](err), IsAny[*dataset.Error](err), IsAny[*rundir.DataError](err), IsAny[*snapshot.DamagedError](err), IsAny[*report.NoRunsError](err), IsAny[*session.Error](err), IsAny[*session.DeviceError](err):
		return ExitData
	}
	return ExitFailed
}

// IsAny tells whether err is, or wraps, an error of type E.
func IsAny[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// dataError is an error about a file that is missing or bad.
type dataError struct{ err error }

func (e *dataError) Error() string { return e.err.Error() }
func (e *dataError) Unwrap() error { return e.err }

// UsageError is a mistake in how the command was called.
type UsageError struct{ err error }

func (e *UsageError) Error() string { return e.err.Error() }
func (e *UsageError) Unwrap() error { return e.err }

// failedError leads to exit status 1, whatever errors are joined with it.
type failedError struct{ message string }

func (e *failedError) Error() string { return e.message }

// BadData marks the error of a file that is missing or bad: exit status 3.
func BadData(err error) error { return &dataError{err} }

// BadDataf is BadData of fmt.Errorf.
func BadDataf(format string, args ...any) error { return &dataError{fmt.Errorf(format, args...)} }

// BadUsage marks a mistake in how the command was called: exit status 2.
func BadUsage(err error) error { return &UsageError{err} }

// BadUsagef is BadUsage of fmt.Errorf.
func BadUsagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// EndsFailed returns an error that ends the command with status 1, whatever errors are joined with it.
func EndsFailed(message string) error { return &failedError{message} }

// inUseError says that another process is using what the command needs.
type inUseError struct{ message string }

func (e *inUseError) Error() string { return e.message }

// InUse returns an error that says that another process is using it: exit status 4.
func InUse(message string) error { return &inUseError{message} }
