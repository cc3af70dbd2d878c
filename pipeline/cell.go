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

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/trainloop/rundir"
)

// cellFlag is a cell as the flag --cell takes it.
func cellFlag(c rundir.Cell) string {
	return fmt.Sprintf("%s:%d:%d", c.Condition, c.BatchSize, c.Seed)
}

// parseCell reads the flag --cell.
func parseCell(flag string) (c rundir.Cell, err error) {
	parts := strings.Split(flag, ":")
	if len(parts) != 3 {
		return c, &usageError{fmt.Errorf("--cell %q: want condition:batch:seed", flag)}
	}
	c.Condition = parts[0]
	if c.BatchSize, err = strconv.Atoi(parts[1]); err == nil {
		c.Seed, err = strconv.ParseUint(parts[2], 10, 64)
	}
	if err != nil {
		return c, &usageError{fmt.Errorf("--cell %q: %w", flag, err)}
	}
	return c, nil
}

// cellExperiment is the experiment of the cell that --cell names, in the sweep
// whose directory is root.
func cellExperiment(root, flag string) (*configs.Experiment, error) {
	c, err := parseCell(flag)
	if err != nil {
		return nil, err
	}
	e, err := rundir.ReadConfig(root)
	if err != nil {
		return nil, &dataError{err}
	}
	cell, err := e.Cell(c.Condition, c.BatchSize, c.Seed)
	return &cell, err
}

// runCell is runTrain for a cell of a sweep: how it failed is written into its
// directory, for the sweep and its report to tell.
func runCell(ctx context.Context, opts *trainOptions, stdout, stderr io.Writer) error {
	if opts.giveUp != "" {
		return markFailed(opts, errors.New(opts.giveUp), exitFailed)
	}
	// A scheduler sends SIGTERM to every process of a job, and its script hands it on:
	// a second one must not end the process while it saves.
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGTERM)
	defer signal.Stop(again)
	if err := clearFailure(opts.out); err != nil {
		return err
	}
	err := runTrain(ctx, opts, stdout, stderr)
	if err == nil {
		return nil
	}
	switch status := exitStatus(ctx, err); status {
	case exitInterrupted, exitLocked:
		return err
	default:
		return errors.Join(err, markFailed(opts, err, status))
	}
}

// clearFailure takes away the mark of an earlier try.
func clearFailure(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return rundir.ClearFailure(dir)
}

// markFailed writes down that the cell has failed.
func markFailed(opts *trainOptions, failure error, status int) error {
	cell, err := parseCell(opts.cell)
	if err != nil {
		return err
	}
	if holder, err := durable.HolderOf(opts.out); err == nil && holder.PID != 0 && holder.Life() == durable.Alive {
		return nil // another process trains it
	}
	if err := os.MkdirAll(opts.out, 0o755); err != nil {
		return err
	}
	return rundir.WriteFailure(opts.out, rundir.Failure{Error: shortLines(failure.Error()), ExitStatus: status, Cell: &cell})
}
