// Package local trains the cells of a sweep in processes of this machine.
//
//	outcome, err := local.Run(ctx, plan, local.Options{Command: command})
//
// It is also the launcher of that name: see sweep.Launcher.
package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// Options say how the cells are run.
type Options struct {
	// Jobs is how many run at once; 0 means 1.
	Jobs int
	// Command returns the command that trains a cell, or goes on with it.
	Command func(c sweep.Cell) *exec.Cmd
	// Finished, if not nil, is told of each cell that ended, of one at a time.
	Finished func(r Result)
}

// Result is how a cell ended.
type Result struct {
	sweep.Cell
	// Skipped tells that the cell was complete before.
	Skipped bool
	// Busy tells that another process is in the cell's directory: then Err says which,
	// and the cell has not failed.
	Busy bool
	// Err is set if the cell failed.
	Err     error
	Seconds float64
}

// Outcome counts the cells of a sweep.
type Outcome struct {
	Done, Skipped, Failed, Busy int
}

// stopPatience is how long an interrupted cell may take to save its state
// before it is killed.
const stopPatience = 2 * time.Minute

// Run runs the cells of the plan that are not complete, in the directory that its
// Claim has. A cell that fails is marked in its directory and does not stop the others.
// Cancelling ctx interrupts the cells under way, which save their state, and
// returns the context's error.
func Run(ctx context.Context, p *sweep.Plan, o Options) (Outcome, error) {
	return run(ctx, p.Cells, o)
}

func run(ctx context.Context, cells []sweep.Cell, o Options) (Outcome, error) {
	var outcome Outcome
	if o.Command == nil {
		return outcome, errors.New("run sweep: the options have no command that trains a cell")
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

// train runs the command, in a process group of its own so that Ctrl-C on a
// terminal reaches it once only: from here.
func train(ctx context.Context, c sweep.Cell, template *exec.Cmd) (err error) {
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
	defer func() { err = errors.Join(err, log.Close()) }()
	cmd := exec.CommandContext(ctx, template.Path, template.Args[1:]...)
	cmd.Env, cmd.Dir = template.Env, template.Dir
	tail := &tail{}
	cmd.Stderr = &both{log, tail}
	cmd.Cancel = func() error { return interrupt(cmd.Process) }
	cmd.WaitDelay = stopPatience
	// The system ties the child's end to that of the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	detach(cmd)
	// A cell that ended well just when it was to be interrupted is done.
	if err := cmd.Run(); err != nil && !rundir.Complete(c.Dir) {
		return &CellError{Message: tail.message(), err: err}
	}
	return nil
}

// CellError is how a cell's process failed.
type CellError struct {
	// Message is the last of what it printed.
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

// Unwrap returns the process's own error.
func (e *CellError) Unwrap() error { return e.err }

// mark writes down that the cell failed.
func mark(c sweep.Cell, err error) error {
	return rundir.WriteFailure(c.Dir, rundir.Failure{Error: err.Error(), ExitStatus: exitStatus(err), Cell: &c.Cell})
}

// exitStatus is that of the process which ended with err; -1 if it did not exit.
func exitStatus(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// both writes to a file and to a tail.
type both struct {
	file *os.File
	tail *tail
}

func (b *both) Write(p []byte) (int, error) {
	_, _ = b.tail.Write(p)
	return b.file.Write(p)
}

// tail keeps the last of what is written to it.
type tail struct{ last []byte }

const tailBytes = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.last = append(t.last, p...)
	if extra := len(t.last) - tailBytes; extra > 0 {
		t.last = append(t.last[:0], t.last[extra:]...)
	}
	return len(p), nil
}

// message is the command's own last message, or the last line.
func (t *tail) message() string {
	text := string(bytes.TrimSpace(t.last))
	if at := strings.LastIndex(text, "pipeline: "); at >= 0 {
		return text[at+len("pipeline: "):]
	}
	return text[strings.LastIndex(text, "\n")+1:]
}
