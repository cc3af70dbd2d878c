package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset/source"
	"onnxlab/internal/allocation"
	"onnxlab/ort/library"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
	"onnxlab/trainloop/sweep/local"
	"onnxlab/trainloop/warmstart"
)

type sweepOptions struct {
	cli.ExperimentFlags
	cli.FromFlags
	out    string
	resume bool
	dryRun bool
	json   bool
	jobs   int
	clusterFlags
}

func newSweepCommand() *cobra.Command {
	var opts sweepOptions
	cmd := &cobra.Command{
		Use:   "sweep",
		Short: "Train every condition at every batch size, then report",
		Long: `Train the network of an experiment under every condition at every batch size
with every seed of its section "sweep", each in a run directory
<condition>/<batch size> (with /seed-<n> when there are several seeds), then
write the report: see "pipeline report".

Each cell runs in a process of its own. If one fails, it is marked as failed, its
messages are in train.log in its directory, and the others continue. When they and the
report are done, the sweep ends with status 1; --resume tries the failed cells again.
If you interrupt the sweep with Ctrl-C, running cells save their state, and --resume
continues from there.

With --from, every cell begins with the parameters of a run, a model or a
checkpoint, as with train --from. The sweep keeps a copy of them, which it uses when
it is resumed.

Settings that are possible but may be mistakes are named once for all cells, in lines
that begin with "note:" (see "pipeline config check").

--dry-run prints the cells with the time and the memory that they will take. To
estimate these, it measures 3 to 50 training steps of each batch size, which takes
seconds for the quickstart and, on two cores, minutes for the study.
` + clusterHelp + cli.ExitHelp,
		Example: `  pipeline sweep --config configs/quickstart.yaml
  pipeline sweep --config configs/study.yaml --set data.path=cifar --dry-run
  pipeline sweep --config configs/study.yaml --set data.path=cifar --set runtime.threads=8 \
    --on slurm --slurm '--partition=long --time=2:00:00'
  pipeline sweep --status runs/study`,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir := opts.about(); dir != "" {
				return runAbout(cmd.Context(), &opts, dir, cmd.Flags(), cmd.OutOrStdout(), os.Stderr)
			}
			return runSweep(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.ExperimentFlags.Add(cmd)
	opts.FromFlags.Add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opts.out, "out", "", "sweep directory (default runs/<name>)")
	flags.BoolVar(&opts.resume, "resume", false, "resume the sweep in the directory")
	flags.BoolVar(&opts.dryRun, "dry-run", false, "measure a few steps, and print the cells and how long they would take")
	flags.BoolVar(&opts.json, "json", false, "print the report's table as JSON")
	flags.IntVar(&opts.jobs, "jobs", 0, "cells to run at the same time (default: as many as the cores have room for with runtime.threads each; on a cluster, as many as it has room for)")
	opts.add(cmd)
	return cmd
}

// experiment returns the experiment and the sweep directory. It refuses a file without
// a section sweep: the default, the sweep of the study, would run for days. It also
// refuses cells with settings that are not allowed.
func (o *sweepOptions) experiment() (*configs.Resolved, string, error) {
	r, dir, err := o.Follow(o.resume, o.out)
	if err != nil {
		return nil, "", err
	}
	if o.Config != "" && !r.GivesSweep() {
		return nil, "", cli.BadUsagef("%s has no section sweep: train it with 'pipeline train', or say what to sweep, for example with --set sweep.batch_sizes=128,256", o.Config)
	}
	if _, err := r.Cells(); err != nil {
		return nil, "", err
	}
	return r, dir, nil
}

func runSweep(ctx context.Context, opts *sweepOptions, stdout, stderr io.Writer) error {
	if opts.jobs < 0 {
		return cli.BadUsagef("--jobs: %d is negative", opts.jobs)
	}
	if opts.json && opts.dryRun {
		return cli.BadUsage(errors.New("--json prints the report, but --dry-run makes none: leave out one of the two"))
	}
	if err := opts.check(); err != nil {
		return err
	}
	plan, resolved, err := opts.plan(stderr)
	if err != nil {
		return err
	}
	experiment := &resolved.Experiment
	if opts.on != onLocal {
		return runCluster(ctx, opts, plan, resolved, stdout, stderr)
	}
	// Fetch the data once here instead of in every cell.
	if err := source.Fetch(ctx, experiment.Data, stderr); err != nil {
		return err
	}
	path, err := library.Ensure(ctx, library.Options{
		Library: experiment.Runtime.Library, Device: experiment.Runtime.Device, Progress: stderr,
	})
	if err != nil {
		return err
	}
	command, err := newCellCommand(plan.Root, path)
	if err != nil {
		return err
	}
	if opts.jobs == 0 {
		opts.jobs = parallelCells(experiment.Runtime, allocation.CPUs())
	}
	if opts.dryRun {
		return dryRun(ctx, plan, resolved, command, opts.jobs, stdout, stderr)
	}
	if experiment.Runtime.Device.Traits().Tried {
		// Try the device once here instead of in every cell.
		if _, err := command.output(ctx, "runtime", "info", "--device", string(experiment.Runtime.Device)); err != nil {
			return err
		}
	}
	release, err := opts.claim(ctx, plan, clusters()...)
	if err != nil {
		return err
	}
	if command.from = plan.FromFile(); command.from != "" {
		cli.WriteNotes(stderr, []string{fmt.Sprintf("the cells begin with the parameters of %s", plan.From)})
	}
	cli.WriteNotes(stderr, cli.NoteLines(resolved.SweepNotes(0))) // once here instead of for every cell
	unfinished, err := trainCells(ctx, plan, opts, command, stderr)
	if err != nil {
		return errors.Join(err, release())
	}
	err = writeReport(plan.Root, opts.json, stdout, stderr)
	return errors.Join(err, release(), opts.failure(plan, unfinished)) // the last line says what to do next
}

// plan makes the plan of the sweep, and checks everything that does not need its images.
func (o *sweepOptions) plan(stderr io.Writer) (*sweep.Plan, *configs.Resolved, error) {
	resolved, root, err := o.experiment()
	if err != nil {
		return nil, nil, err
	}
	experiment := &resolved.Experiment
	if err := cli.RefuseAmongImages("out", root, root, experiment.Data); err != nil {
		return nil, nil, err
	}
	if err := cli.SettleClasses(experiment); err != nil {
		return nil, nil, err
	}
	if o.on != onLocal { // jobs run elsewhere
		if root, err = filepath.Abs(root); err != nil {
			return nil, nil, err
		}
	}
	plan, err := sweep.New(*experiment, root)
	if err != nil {
		return nil, nil, err
	}
	cells := make([]configs.Experiment, len(plan.Cells))
	for i, c := range plan.Cells {
		cells[i] = c.Experiment
	}
	untold := func(int, configs.Note) {} // each run writes its notes into its log
	if _, err := cli.CheckGivens(cells, untold); err != nil {
		return nil, nil, err
	}
	notes := stderr
	if o.dryRun {
		notes = io.Discard // a dry run reads the images and prints their notes then
	}
	if plan.From, err = o.Read(); err != nil {
		return nil, nil, err
	}
	if err := checkFrom(plan, plan.From); err != nil {
		return nil, nil, err
	}
	return plan, resolved, cli.NoteData(experiment.Data, notes) // once here instead of in every cell
}

// claim claims the sweep's directory. None of the launchers in others may have cells of it.
func (o *sweepOptions) claim(ctx context.Context, plan *sweep.Plan, others ...sweep.Launcher) (release func() error, err error) {
	if release, err = plan.Claim(o.resume); err != nil {
		return nil, err
	}
	if err := sweep.Elsewhere(ctx, plan.Root, others...); err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// parallelCells returns how many cells can run at the same time on the cores. A cell that
// uses a GPU or all threads runs alone.
func parallelCells(r configs.Runtime, cores int) int {
	if r.Device.Traits().Exclusive || r.Threads == 0 {
		return 1
	}
	return max(cores/r.Threads, 1)
}

// unfinished are the cells of a sweep that failed, and those that other processes use.
type unfinished struct{ failed, busy []sweep.Cell }

// trainCells runs the cells and returns those that were not finished.
func trainCells(ctx context.Context, plan *sweep.Plan, opts *sweepOptions, command cellCommand, stderr io.Writer) (left unfinished, err error) {
	begun, ended := time.Now(), 0
	fmt.Fprintf(stderr, "%s: %d cells\n", plan.Root, len(plan.Cells))
	launcher := local.Launcher{Options: local.Options{
		Jobs: opts.jobs, Command: command.train,
		Finished: func(r local.Result) {
			ended++
			switch {
			case r.Busy:
				left.busy = append(left.busy, r.Cell)
			case r.Err != nil:
				left.failed = append(left.failed, r.Cell)
			}
			fmt.Fprintf(stderr, "[%d/%d] %s  %s\n", ended, len(plan.Cells), sweep.Name(r.Key), outcomeText(r))
		},
	}}
	_, err = launcher.Submit(ctx, plan, plan.Cells)
	outcome := launcher.Outcome
	if err != nil {
		return left, &interruptedError{err, fmt.Sprintf("interrupted: %d of %d cells are done\nresume with: %s", outcome.Done+outcome.Skipped, len(plan.Cells),
			opts.ResumeCommand("sweep", plan.Root))}
	}
	fmt.Fprintf(stderr, "%d cells trained in %s, %d were complete, %d failed\n",
		outcome.Done, time.Since(begun).Round(time.Second), outcome.Skipped, outcome.Failed)
	return left, nil
}

// failure returns an error that says in one line how many cells failed and what to do
// next. It is nil if all cells are complete.
func (o *sweepOptions) failure(plan *sweep.Plan, left unfinished) error {
	next := o.ResumeCommand("sweep", plan.Root)
	if len(left.failed) == 0 {
		if len(left.busy) == 0 {
			return nil
		}
		return cli.InUse(fmt.Sprintf("%d of %d cells were in use by other processes: see %s, and once these have ended, resume with: %s",
			len(left.busy), len(plan.Cells), left.busy[0].Log(), next))
	}
	which := ""
	if len(left.failed) > 1 {
		which = " for the first of them"
	}
	return cli.EndsFailed(fmt.Sprintf("%d of %d cells failed: see %s%s, fix the cause, then resume with: %s",
		len(left.failed), len(plan.Cells), left.failed[0].Log(), which, next))
}

// interruptedError is an interruption with a message of its own.
type interruptedError struct {
	err     error
	message string
}

func (e *interruptedError) Error() string { return e.message }
func (e *interruptedError) Unwrap() error { return e.err }

func outcomeText(r local.Result) string {
	if r.Busy {
		return fmt.Sprintf("in use: %v", r.Err)
	}
	if r.Err != nil {
		return fmt.Sprintf("failed: %v", r.Err)
	}
	s, err := rundir.ReadSummary(r.Dir)
	if err != nil {
		return fmt.Sprintf("failed: %v", err)
	}
	text := fmt.Sprintf("val_accuracy %.2f %%", 100*s.ValAccuracy)
	if stopped := s.StoppedText(r.Experiment.Train.Epochs); stopped != "" {
		text += "  stopped " + stopped
	}
	if r.Skipped {
		return text + "  (complete already)"
	}
	return fmt.Sprintf("%s  %.0f images/s  %.1f s", text, s.ImagesPerSecond, r.Seconds)
}

// checkFrom checks once for all cells that the parameters fit their networks. It does not
// compare class names, which only the images have.
func checkFrom(plan *sweep.Plan, from *warmstart.Source) error {
	checked := map[string]bool{}
	for _, c := range plan.Cells {
		key := fmt.Sprint(c.Experiment.Model)
		if from == nil || checked[key] {
			continue
		}
		checked[key] = true
		height, width := c.Experiment.Data.Sides() // no parameter depends on them
		network, err := trainloop.Network(c.Experiment, height, width)
		if err != nil {
			return err
		}
		if _, _, err := from.Fit(network, nil, c.Seed); err != nil {
			return fmt.Errorf("cell %s: %w", sweep.Name(c.Key), err)
		}
	}
	return nil
}
