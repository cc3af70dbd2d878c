package main

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
	"time"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset/source"
	"onnxlab/ort/library"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

type sweepOptions struct {
	experimentFlags
	fromFlags
	out    string
	resume bool
	dryRun bool
	json   bool
	jobs   int
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

Each cell is a process of its own. One that fails is marked, its messages are in
train.log of its directory, and the others go on. Once they and the report are
done, the sweep then ends with status 1, and --resume tries again what failed.
Interrupted by Ctrl-C, the sweep saves the state of the cells under way;
--resume goes on from there.

With --from every cell begins with the parameters of a run, a model or a
checkpoint, as by train --from. The sweep keeps a copy of them, and goes on with
that.

What is possible, but may not be meant, is told once for all cells, in lines that
begin with "note:" (see "pipeline config check").

--dry-run prints the cells, with the time and the memory that they will take. It
measures 3 to 50 training steps of each batch size for that, which takes seconds
for the quickstart and, on two cores, minutes for the study.
` + exitHelp,
		Example: `  pipeline sweep --config configs/quickstart.yaml
  pipeline sweep --config configs/study.yaml --set data.path=cifar --dry-run`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runSweep(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.experimentFlags.add(cmd)
	opts.fromFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opts.out, "out", "", "sweep directory (default runs/<name>)")
	flags.BoolVar(&opts.resume, "resume", false, "go on with the sweep in the directory")
	flags.BoolVar(&opts.dryRun, "dry-run", false, "measure a few steps, and print what would be run and how long it would take")
	flags.BoolVar(&opts.json, "json", false, "print the report's table as JSON")
	flags.IntVar(&opts.jobs, "jobs", 0, "cells to run at once (default: as many as there are cores for their runtime.threads)")
	return cmd
}

// experiment returns the experiment and the sweep directory. A file that is about
// a single run is refused: it gives no sweep, and the default's, the study's,
// would go on for days. So are cells that the settings do not allow.
func (o *sweepOptions) experiment() (*configs.Resolved, string, error) {
	r, dir, err := o.follow(o.resume, o.out)
	if err != nil {
		return nil, "", err
	}
	if o.config != "" && !r.GivesSweep() {
		return nil, "", &usageError{fmt.Errorf("%s has no section sweep: train it with 'pipeline train', or say what to sweep, as by --set sweep.batch_sizes=128,256", o.config)}
	}
	if _, err := r.Cells(); err != nil {
		return nil, "", err
	}
	return r, dir, nil
}

func runSweep(ctx context.Context, opts *sweepOptions, stdout, stderr io.Writer) error {
	if opts.jobs < 0 {
		return &usageError{fmt.Errorf("--jobs: %d is negative", opts.jobs)}
	}
	if opts.json && opts.dryRun {
		return &usageError{errors.New("--json: a dry run makes no report: leave out one of the two")}
	}
	resolved, root, err := opts.experiment()
	if err != nil {
		return err
	}
	experiment := &resolved.Experiment
	if err := refuseAmongImages("out", root, root, experiment.Data); err != nil {
		return err
	}
	if err := settleClasses(experiment); err != nil {
		return err
	}
	plan, err := sweep.New(*experiment, root)
	if err != nil {
		return err
	}
	told := stderr
	if opts.dryRun {
		told = io.Discard // it reads the images, and tells of them then
	}
	if plan.From, err = opts.read(); err != nil {
		return err
	}
	if err := checkFrom(plan, plan.From); err != nil {
		return err
	}
	if err := tellOfData(experiment.Data, told); err != nil {
		return err // here, and not in every cell
	}
	// Once here, and not in every cell.
	if err := source.Fetch(ctx, experiment.Data, stderr); err != nil {
		return err
	}
	path, err := library.Ensure(ctx, library.Options{
		Library: experiment.Runtime.Library, Device: experiment.Runtime.Device, Progress: stderr,
	})
	if err != nil {
		return err
	}
	command, err := newCellCommand(root, path)
	if err != nil {
		return err
	}
	if opts.jobs == 0 {
		opts.jobs = parallelCells(experiment.Runtime, runtime.NumCPU())
	}
	if opts.dryRun {
		return dryRun(ctx, plan, resolved, command, opts.jobs, stdout, stderr)
	}
	if experiment.Runtime.Device == library.CUDA {
		// Better once here than in every cell.
		if _, err := command.output(ctx, "runtime", "info", "--device", library.CUDA); err != nil {
			return err
		}
	}
	release, err := plan.Claim(opts.resume)
	if err != nil {
		return err
	}
	if command.from = plan.FromFile(); command.from != "" {
		writeNotes(stderr, []string{fmt.Sprintf("the cells begin with the parameters of %s", plan.From)})
	}
	writeNotes(stderr, noteLines(resolved.SweepNotes(0))) // here, and not for every cell
	failed, err := trainCells(ctx, plan, opts, command, stderr)
	if err != nil {
		return errors.Join(err, release())
	}
	err = writeReport(root, opts.json, stdout, stderr)
	return errors.Join(err, release(), opts.failure(plan, failed)) // the last line is what to do next
}

// parallelCells is how many cells the cores have threads for. A cell on a GPU
// has it for itself, and one of all threads all cores.
func parallelCells(r configs.Runtime, cores int) int {
	if r.Device != library.CPU || r.Threads == 0 {
		return 1
	}
	return max(cores/r.Threads, 1)
}

// trainCells runs the cells and returns those that failed.
func trainCells(ctx context.Context, plan *sweep.Plan, opts *sweepOptions, command cellCommand, stderr io.Writer) (failed []sweep.Cell, err error) {
	begun, ended := time.Now(), 0
	fmt.Fprintf(stderr, "%s: %d cells\n", plan.Root, len(plan.Cells))
	outcome, err := plan.Run(ctx, sweep.Options{
		Jobs: opts.jobs, Command: command.train,
		Finished: func(r sweep.Result) {
			ended++
			if r.Err != nil {
				failed = append(failed, r.Cell)
			}
			fmt.Fprintf(stderr, "[%d/%d] %s  %s\n", ended, len(plan.Cells), sweep.Name(r.Cell.Cell), outcomeText(r))
		},
	})
	if err != nil {
		return nil, &interruptedError{err, fmt.Sprintf("interrupted: %d of %d cells are done\ngo on with: %s", outcome.Done+outcome.Passed, len(plan.Cells),
			opts.resumeCommand("sweep", plan.Root))}
	}
	fmt.Fprintf(stderr, "%d cells trained in %s, %d were complete, %d failed\n",
		outcome.Done, time.Since(begun).Round(time.Second), outcome.Passed, outcome.Failed)
	return failed, nil
}

// cellsFailedError ends a sweep of which cells failed.
type cellsFailedError struct{ message string }

func (e *cellsFailedError) Error() string { return e.message }

// failure tells in one line how many cells of the sweep failed and what to do
// next. It is nil if none did.
func (o *sweepOptions) failure(plan *sweep.Plan, failed []sweep.Cell) error {
	if len(failed) == 0 {
		return nil
	}
	which := ""
	if len(failed) > 1 {
		which = " for the first of them"
	}
	return &cellsFailedError{fmt.Sprintf("%d of %d cells failed: see %s%s, mend the cause, then go on with: %s",
		len(failed), len(plan.Cells), failed[0].Log(), which, o.resumeCommand("sweep", plan.Root))}
}

// interruptedError tells an interruption in other words than its cause does.
type interruptedError struct {
	err     error
	message string
}

func (e *interruptedError) Error() string { return e.message }
func (e *interruptedError) Unwrap() error { return e.err }

func outcomeText(r sweep.Result) string {
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
	if r.Passed {
		return text + "  (complete before)"
	}
	return fmt.Sprintf("%s  %.0f images/s  %.1f s", text, s.ImagesPerSecond, r.Seconds)
}

// cellCommand makes the commands that train cells: this program, as "train".
type cellCommand struct {
	program, root, library string
	// from is the file whose parameters the cells begin with; empty for none.
	from string
}

func newCellCommand(root, library string) (cellCommand, error) {
	program, err := os.Executable()
	if err != nil {
		return cellCommand{}, fmt.Errorf("find this program: %w", err)
	}
	return cellCommand{program: program, root: root, library: library}, nil
}

func (c cellCommand) train(cell sweep.Cell) *exec.Cmd {
	args := []string{"train", "--sweep", c.root, "--cell", cellFlag(cell.Cell), "--out", cell.Dir, "--resume", "--json"}
	if c.from != "" {
		args = append(args, "--from", c.from)
	}
	return c.command(args...)
}

func (c cellCommand) command(args ...string) *exec.Cmd {
	cmd := exec.Command(c.program, args...)
	cmd.Env = append(os.Environ(), library.EnvLibrary+"="+c.library)
	return cmd
}

// output runs the command and returns what it prints. An error that is one of
// the device or of data, as its exit status tells, is one of the whole sweep.
func (c cellCommand) output(ctx context.Context, args ...string) ([]byte, error) {
	template := c.command(args...)
	cmd := exec.CommandContext(ctx, template.Path, template.Args[1:]...)
	cmd.Env = template.Env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, ctx.Err() // not that the command was killed for it
	}
	if err == nil {
		return out, nil
	}
	err = fmt.Errorf("%s (%w)", strings.TrimPrefix(strings.TrimSpace(stderr.String()), "pipeline: "), err)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == exitData {
		return nil, &dataError{err}
	}
	return nil, err
}
