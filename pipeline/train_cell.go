package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"onnxlab/internal/durable"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/rundir"
)

// envIndex is the environment variable with the number of a pod in an Indexed Job of
// Kubernetes.
const envIndex = "JOB_COMPLETION_INDEX"

// readCell reads the cell and its directory from a line of the file of cells. number counts
// lines from 0.
func (o *trainOptions) readCell(number string) error {
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return cli.BadUsagef("--cells: $%s is %q, but must be the number of a line, as in pods of an Indexed Job", envIndex, number)
	}
	const limit = 1 << 26
	text, err := durable.ReadPlain(o.cells, limit)
	if err != nil {
		return cli.BadData(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if n >= len(lines) {
		return cli.BadDataf("%s: it has %d lines, but $%s is %d", o.cells, len(lines), envIndex, n)
	}
	var hasDir bool
	if o.cell, o.out, hasDir = strings.Cut(lines[n], "\t"); !hasDir {
		return cli.BadDataf("%s:%d: want a cell and its directory, separated by a tab", o.cells, n+1)
	}
	return nil
}

// runCell is runTrain for a cell of a sweep. If it fails, it writes the error into the
// cell's directory, where the sweep and its report find it.
func runCell(ctx context.Context, opts *trainOptions, stdout, stderr io.Writer) error {
	if opts.giveUp != "" {
		return markFailed(opts, errors.New(opts.giveUp), cli.ExitFailed)
	}
	// A scheduler sends SIGTERM to every process of a job, and the job's script forwards it
	// too: the second signal must not end the process while it saves.
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGTERM)
	defer signal.Stop(again)
	if err := clearFailure(opts.out); err != nil {
		return err
	}
	err := opts.countStart()
	if err == nil {
		err = runTrain(ctx, opts, stdout, stderr)
	}
	if err == nil {
		return nil
	}
	switch status := cli.ExitStatus(ctx, err); status {
	case cli.ExitInterrupted, cli.ExitLocked:
		return err
	default:
		return errors.Join(err, markFailed(opts, err, status))
	}
}

// countStart counts how often a scheduler has started the job since its last snapshot. It
// returns an error if that was too often: something ends the job each time before it can save.
func (o *trainOptions) countStart() error {
	if !o.takeOver {
		return nil
	}
	starts, err := rundir.CountStart(o.out)
	if err != nil || starts <= mostStarts {
		return err
	}
	return fmt.Errorf("the cell was started %d times and has saved nothing new: give it more time or memory, or lower train.checkpoint_steps", mostStarts)
}

// mostStarts is how often a cell may start without saving anything. It is above 1 because
// failing nodes and preemption may end a cell early through no fault of its own.
const mostStarts = 5

// clearFailure removes the mark of an earlier failure.
func clearFailure(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return rundir.ClearFailure(dir)
}

// markFailed writes down that the cell has failed.
func markFailed(opts *trainOptions, failure error, status int) error {
	cell, err := cli.ParseCell(opts.cell)
	if err != nil {
		return err
	}
	if holder, err := durable.HolderOf(opts.out); err == nil && holder.PID != 0 && holder.Life() == durable.Alive {
		return nil // another process trains it
	}
	if err := os.MkdirAll(opts.out, 0o755); err != nil {
		return err
	}
	return rundir.WriteFailure(opts.out, rundir.Failure{Error: cli.ShortLines(failure.Error()), ExitStatus: status, Cell: &cell})
}
