package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"onnxlab/internal/printable"
	"onnxlab/internal/terminal"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/sweep"
)

// about returns the sweep directory of --status or --cancel; empty if the command trains a
// sweep.
func (f *clusterFlags) about() string {
	if f.status != "" {
		return f.status
	}
	return f.cancel
}

// runAbout prints the states of the cells of a sweep, or cancels them.
func runAbout(ctx context.Context, opts *sweepOptions, dir string, flags *pflag.FlagSet, stdout, stderr io.Writer) error {
	var err error
	flags.Visit(func(f *pflag.Flag) {
		known := []string{"status", "json", "wait"}
		what := "status"
		if opts.status == "" {
			known, what = []string{"cancel"}, "cancel"
		}
		if !slices.Contains(known, f.Name) {
			err = cli.BadUsagef("--%s cannot be used with --%s: leave it out", f.Name, what)
		}
	})
	if err == nil {
		err = checkSweep(dir)
	}
	if err != nil {
		return err
	}
	if opts.cancel != "" {
		return cancelSweep(ctx, dir, stdout)
	}
	if opts.wait {
		return follow(ctx, opts, dir, stdout, stderr)
	}
	list, err := sweep.Statuses(ctx, dir, launchers()...)
	if err != nil {
		return err
	}
	if opts.json {
		return cli.PrintJSON(stdout, map[string]any{"dir": dir, "cells": list, "counts": count(list)})
	}
	return writeStatus(stdout, dir, list)
}

// cancelSweep cancels all running and pending cells.
func cancelSweep(ctx context.Context, dir string, stdout io.Writer) error {
	for _, l := range launchers() {
		alive, err := l.Alive(ctx, dir)
		if err != nil {
			return err
		}
		if err := l.Cancel(ctx, dir); err != nil {
			return err
		}
		if len(alive) > 0 {
			fmt.Fprintf(stdout, "cancelled %d cells that were pending or running with --on %s\n", len(alive), l.Name())
		}
	}
	return nil
}

func count(list []sweep.Status) map[sweep.State]int {
	counts := map[sweep.State]int{}
	for _, s := range list {
		counts[s.State]++
	}
	return counts
}

// writeStatus prints a line for each cell, the number of cells in each state, and the next
// command.
func writeStatus(w io.Writer, dir string, list []sweep.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "condition\tbatch\tseed\tstate\tepochs\tval_accuracy\tdetails")
	for _, s := range list {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%d/%d\t%s\t%s\n", s.Condition, s.BatchSize, s.Seed, s.State, s.Done, s.Epochs, accuracyText(s), aboutText(s))
	}
	fmt.Fprintln(t)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, sumText(list))
	return writeNext(w, dir, list)
}

func accuracyText(s sweep.Status) string {
	if s.ValAccuracy == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f %%", 100**s.ValAccuracy)
}

// aboutText returns what else is known about a cell, in one line.
func aboutText(s sweep.Status) string {
	var parts []string
	if s.Job != "" {
		parts = append(parts, "job "+s.Job)
	}
	if s.State == sweep.Running && s.Done < s.Epochs {
		parts = append(parts, fmt.Sprintf("in epoch %d", s.Done+1))
	}
	if s.Node != "" {
		parts = append(parts, "on "+s.Node)
	}
	switch {
	case s.Restarts == 1:
		parts = append(parts, "restarted once")
	case s.Restarts > 1:
		parts = append(parts, fmt.Sprintf("restarted %d times", s.Restarts))
	}
	if s.Reason != "" {
		parts = append(parts, printable.Line(s.Reason))
	}
	return strings.Join(parts, ", ")
}

// states are the states of cells in the order in which sumText lists them.
var states = []sweep.State{sweep.Complete, sweep.Running, sweep.Pending, sweep.Failed, sweep.Lost, sweep.Stopped, sweep.Unbegun}

func sumText(list []sweep.Status) string {
	counts := count(list)
	var parts []string
	for _, s := range states {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	return fmt.Sprintf("%d cells: %s", len(list), strings.Join(parts, ", "))
}

// open returns how many cells are running or pending, and how many unfinished ones are neither.
func open(list []sweep.Status) (alive, undone int) {
	counts := count(list)
	return counts[sweep.Running] + counts[sweep.Pending], counts[sweep.Failed] + counts[sweep.Lost] + counts[sweep.Stopped] + counts[sweep.Unbegun]
}

// writeNext prints the command to run next, if there is one.
func writeNext(w io.Writer, dir string, list []sweep.Status) error {
	alive, undone := open(list)
	var err error
	switch {
	case undone > 0:
		_, err = fmt.Fprintf(w, "resume the unfinished cells with: pipeline sweep --out %s --resume%s\n", printable.ShellWord(dir), onFlag(dir))
	case alive == 0:
		_, err = fmt.Fprintf(w, "print the table: pipeline report %s\n", printable.ShellWord(dir))
	}
	return err
}

// onFlag returns the flag --on with which the sweep in dir was submitted last.
func onFlag(dir string) string {
	on, last := "", time.Time{}
	for _, l := range clusters() {
		jobs, err := sweep.ReadJobs(dir, l.Name())
		if err == nil && len(jobs) > 0 && jobs[len(jobs)-1].Submitted.After(last) {
			on, last = " --on "+l.Name(), jobs[len(jobs)-1].Submitted
		}
	}
	return on
}

// follow prints changes of the cells' states until all have ended, then writes the report.
func follow(ctx context.Context, opts *sweepOptions, dir string, stdout, stderr io.Writer) error {
	const often = 3 * time.Second
	screen, _ := terminal.Of(stderr)
	before := map[string]string{}
	for {
		list, err := sweep.Statuses(ctx, dir, launchers()...)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if ctx.Err() != nil {
			return &interruptedError{ctx.Err(), fmt.Sprintf("interrupted: the cells continue without this command\ncheck their progress with: pipeline sweep --status %s", printable.ShellWord(dir))}
		}
		tellChanges(stderr, list, before)
		if alive, _ := open(list); alive == 0 {
			clearLine(screen)
			return opts.ended(dir, list, stdout, stderr)
		}
		if screen != nil {
			fmt.Fprintf(screen, "\r%-*s", screen.Columns(), sumText(list)+runningText(list))
		}
		select {
		case <-ctx.Done():
		case <-time.After(often):
		}
	}
}

// tellChanges prints a line for each cell whose state has changed.
func tellChanges(w io.Writer, list []sweep.Status, before map[string]string) {
	screen, _ := terminal.Of(w)
	for _, s := range list {
		now := fmt.Sprint(s.State, s.Node, s.Restarts)
		name := sweep.Name(s.Key)
		if before[name] == now {
			continue
		}
		before[name] = now
		clearLine(screen)
		line := fmt.Sprintf("%s  %s  %s", time.Now().Format(time.TimeOnly), name, s.State)
		if s.State == sweep.Complete {
			line += "  val_accuracy " + accuracyText(s)
		} else if about := aboutText(s); about != "" {
			line += "  " + about
		}
		fmt.Fprintln(w, line)
	}
}

// runningText returns the epochs of the running cells.
func runningText(list []sweep.Status) string {
	text := ""
	for _, s := range list {
		if s.State == sweep.Running {
			text += fmt.Sprintf("; %s/%d %d/%d", s.Condition, s.BatchSize, s.Done, s.Epochs)
		}
	}
	return text
}

func clearLine(screen *terminal.Screen) {
	if screen != nil {
		fmt.Fprintf(screen, "\r%-*s\r", screen.Columns(), "")
	}
}

// ended writes the report when all cells have ended, and returns an error if some are not
// complete.
func (o *sweepOptions) ended(dir string, list []sweep.Status, stdout, stderr io.Writer) error {
	fmt.Fprintln(stderr, sumText(list))
	err := writeReport(dir, o.json, stdout, stderr)
	var left []sweep.Status
	for _, s := range list {
		if s.State != sweep.Complete {
			left = append(left, s)
		}
	}
	if len(left) == 0 {
		return err
	}
	see := "pipeline sweep --status " + printable.ShellWord(dir)
	if log := (sweep.Cell{Dir: left[0].Dir}).Log(); isFile(log) {
		see = log
	}
	return errors.Join(err, cli.EndsFailed(fmt.Sprintf("%d of %d cells are not complete: see %s, fix the cause, then resume with: pipeline sweep --out %s --resume%s",
		len(left), len(list), see, printable.ShellWord(dir), onFlag(dir))))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
