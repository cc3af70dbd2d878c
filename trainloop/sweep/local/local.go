// Package local trains the cells of a sweep in processes of this machine.
//
//	outcome, err := local.Run(ctx, plan, local.Options{Command: command})
//
// It also contains the launcher "local": see sweep.Launcher.
package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"onnxlab/internal/durable"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

// Options says how the cells are run.
type Options struct {
	// Jobs is the number of cells that run at once; 0 means 1.
	Jobs int
	// Command returns the command that trains a cell, or resumes it.
	Command func(c sweep.Cell) *exec.Cmd
	// Finished, if not nil, is called for each cell that has ended, never for two at once.
	Finished func(r Result)
}

// Result is the result of a cell.
type Result struct {
	sweep.Cell
	// Skipped reports that the cell was already complete and did not run.
	Skipped bool
	// Busy reports that another process is in the cell's directory. Err then says which,
	// and the cell has not failed.
	Busy bool
	// Err is set if the cell failed.
	Err error
	// Seconds is how long the cell ran.
	Seconds float64
}

// Outcome counts the cells of a sweep.
type Outcome struct {
	Done, Skipped, Failed, Busy int
}

// stopPatience is the time that an interrupted cell has to save its state before it is
// killed.
const stopPatience = 2 * time.Minute

// Run runs the cells of the plan that are not complete. The caller has claimed the sweep
// directory. A cell that fails is marked in its directory and does not stop the others.
// Cancelling ctx interrupts the running cells, which save their state; Run then returns the
// context's error.
func Run(ctx context.Context, p *sweep.Plan, o Options) (Outcome, error) {
	return run(ctx, p.Cells, o)
}

func run(ctx context.Context, cells []sweep.Cell, o Options) (Outcome, error) {
	var outcome Outcome
	if o.Command == nil {
		return outcome, errors.New("run sweep: Options.Command is nil")
	}
	var mu sync.Mutex
	group := errgroup.Group{}
	group.SetLimit(max(o.Jobs, 1))
	for _, c := range cells {
		group.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			r := runCell(ctx, c, o)
			if ctx.Err() != nil && r.Err != nil {
				return nil // interrupted, not failed
			}
			mu.Lock()
			defer mu.Unlock()
			outcome.add(r)
			if o.Finished != nil {
				o.Finished(r)
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return no errors
	return outcome, ctx.Err()
}

func (o *Outcome) add(r Result) {
	switch {
	case r.Busy:
		o.Busy++
	case r.Err != nil:
		o.Failed++
	case r.Skipped:
		o.Skipped++
	default:
		o.Done++
	}
}

func runCell(ctx context.Context, c sweep.Cell, o Options) Result {
	if rundir.Complete(c.Dir) {
		return Result{Cell: c, Skipped: true}
	}
	begun := time.Now()
	err := train(ctx, c, o.Command(c))
	busy := exitStatus(err) == sweep.ExitLocked
	if err != nil && ctx.Err() == nil && !busy {
		err = errors.Join(err, mark(c, err))
	}
	return Result{Cell: c, Busy: busy, Err: err, Seconds: time.Since(begun).Seconds()}
}

// train runs the command in its own process group. Otherwise Ctrl-C in a terminal would
// reach it twice: directly and through this process.
func train(ctx context.Context, c sweep.Cell, template *exec.Cmd) error {
	if err := sweep.Prepare(c); err != nil {
		return err
	}
	if err := durable.RefuseLink(c.Log()); err != nil {
		return err
	}
	log, err := os.OpenFile(c.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, template.Path, template.Args[1:]...)
	cmd.Env, cmd.Dir = template.Env, template.Dir
	tail := &tail{}
	cmd.Stderr = io.MultiWriter(tail, forgiving{log})
	cmd.Cancel = func() error { return interrupt(cmd.Process) }
	cmd.WaitDelay = stopPatience
	// On Linux, the child is killed when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	detach(cmd)
	// A cell that has completed just when it was interrupted is done.
	if err := cmd.Run(); err != nil && !rundir.Complete(c.Dir) {
		return &CellError{Message: tail.message(), err: err}
	}
	return nil
}

// CellError is the error of a cell's process.
type CellError struct {
	// Message is the end of the process's output.
	Message string
	err     error
}

// Error implements error.
func (e *CellError) Error() string {
	if e.Message == "" {
		return e.err.Error()
	}
	return fmt.Sprintf("%s (%v)", e.Message, e.err)
}

// Unwrap returns the error of the process.
func (e *CellError) Unwrap() error { return e.err }

// mark records that the cell has failed.
func mark(c sweep.Cell, err error) error {
	return rundir.WriteFailure(c.Dir, rundir.Failure{Error: err.Error(), ExitStatus: exitStatus(err), Cell: &c.Key})
}

// exitStatus returns the exit status of the process that ended with err; -1 if a signal
// ended it.
func exitStatus(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// forgiving drops what cannot be written. On a full disk, an error of the log would make
// package exec close the pipe from the cell. The cell's next message would then end it with
// SIGPIPE, perhaps while it saves.
type forgiving struct{ io.Writer }

// Write implements io.Writer. It never fails.
func (f forgiving) Write(p []byte) (int, error) {
	_, _ = f.Writer.Write(p)
	return len(p), nil
}

// tail keeps the end of what is written to it, at most tailBytes.
type tail struct{ last []byte }

const tailBytes = 4096

// Write implements io.Writer. It never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.last = append(t.last, p...)
	if extra := len(t.last) - tailBytes; extra > 0 {
		t.last = append(t.last[:0], t.last[extra:]...)
	}
	return len(p), nil
}

// message returns the command's last message, which begins with the command's name, or, if there
// is none, its last line.
func (t *tail) message() string {
	text := string(bytes.TrimSpace(t.last))
	const prefix = "pipeline: "
	if at := strings.LastIndex(text, prefix); at >= 0 {
		return text[at+len(prefix):]
	}
	return text[strings.LastIndex(text, "\n")+1:]
}
