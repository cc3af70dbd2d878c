package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"
	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/internal/printable"
	"onnxlab/ort/library"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
	"onnxlab/trainloop/sweep/kubernetes"
	"onnxlab/trainloop/sweep/local"
	"onnxlab/trainloop/sweep/slurm"
)

// onLocal is the default of --on.
const onLocal = "local"

const clusterHelp = `
--on slurm submits the unfinished cells to Slurm as an array of jobs, and a job that
writes the report once they have ended, and exits: see docs/clusters.md. A cell that is
preempted, reaches its time limit or loses its node saves its state, if it still can, and
continues later. --dry-run prints the script. Each cell gets as many processors as
runtime.threads says, and the memory that a measured step takes; --slurm adds options of
sbatch. The sweep directory must be on a file system that all nodes share.

--on kubernetes writes an Indexed Job to stdout or, with --apply, submits it to the
cluster. Its pods mount the volume of --claim at the same path as this host. When they
have ended, "pipeline report" writes the report; --wait does so automatically.

--status prints the state of each cell of a sweep, also of a local one: complete, failed
with the reason, running with the epoch, pending with the reason, or lost. --resume
submits cells that failed or are lost, and leaves alone those that the scheduler still
has. --cancel cancels all of them; running cells save their state.
`

// clusterFlags say where the cells run, and what to do with a sweep that runs.
type clusterFlags struct {
	on    string
	slurm []string
	kubernetesFlags
	wait           bool
	status, cancel string
	// options are the options in slurm, one word each.
	options []string
}

func (f *clusterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.on, "on", onLocal, "where the cells run: local, slurm or kubernetes")
	flags.StringArrayVar(&f.slurm, "slurm", nil, "further options of sbatch, for example '--partition=x --time=2:00:00' (repeatable)")
	f.kubernetesFlags.add(flags)
	flags.BoolVar(&f.wait, "wait", false, "wait until the cells on a cluster have ended, then print the report; also with --status")
	flags.StringVar(&f.status, "status", "", "print the states of the cells of the sweep in this directory")
	flags.StringVar(&f.cancel, "cancel", "", "cancel the running and pending cells of the sweep in this directory")
	_ = cmd.RegisterFlagCompletionFunc("on", cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp)) // fails for unknown flags only
}

// known are the values of --on.
var known = []string{onLocal, slurm.Name, kubernetes.Name}

// reservedOptions are options of sbatch that the sweep sets itself.
var reservedOptions = []string{"array", "dependency", "parsable", "wrap", "wait", "requeue", "no-requeue", "open-mode", "signal", "output", "error", "chdir", "job-name"}

// check reads the flags and refuses those that contradict each other.
func (f *clusterFlags) check() error {
	switch {
	case !slices.Contains(known, f.on):
		return cli.BadUsagef("--on: unknown launcher %q (known: %s)", f.on, strings.Join(known, ", "))
	case f.on != slurm.Name && len(f.slurm) > 0:
		return cli.BadUsage(errors.New("--slurm needs --on slurm"))
	case f.on == onLocal && f.wait: // and no --status
		return cli.BadUsage(errors.New("--wait: the command always waits for a local sweep: leave it out"))
	}
	if err := f.kubernetesFlags.check(f.on, f.wait); err != nil {
		return err
	}
	for _, text := range f.slurm {
		words, err := shellquote.Split(text)
		if err != nil {
			return cli.BadUsagef("--slurm %q: %w", text, err)
		}
		for _, word := range words {
			name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
			if !strings.HasPrefix(word, "--") {
				return cli.BadUsagef("--slurm: %q: write options as --name=value", word)
			}
			if slices.Contains(reservedOptions, name) {
				return cli.BadUsagef("--slurm: the sweep sets --%s itself: leave it out", name)
			}
			f.options = append(f.options, word)
		}
	}
	return nil
}

// gives tells whether the options of sbatch include one with one of the names.
func (f *clusterFlags) gives(names ...string) bool {
	for _, word := range f.options {
		for _, name := range names {
			if strings.HasPrefix(word, "--"+name+"=") || word == "--"+name {
				return true
			}
		}
	}
	return false
}

// clusters returns the launchers whose cells keep running when the command has ended.
func clusters() []sweep.Launcher {
	return []sweep.Launcher{&slurm.Launcher{}, &kubernetes.Launcher{}}
}

// launchers returns all launchers that may have cells of a sweep.
func launchers() []sweep.Launcher { return append(clusters(), &local.Launcher{}) }

// scheduler is a launcher of a cluster.
type scheduler interface {
	sweep.Launcher
	// Script returns what it would submit, for --dry-run.
	Script(*sweep.Plan) (string, error)
}

// newScheduler prepares the launcher that --on names. Set from to the file with whose
// parameters the cells begin.
func newScheduler(ctx context.Context, opts *sweepOptions, plan *sweep.Plan, stdout, stderr io.Writer) (_ scheduler, from *string, err error) {
	if opts.on == kubernetes.Name {
		l, err := newKubernetes(ctx, opts, plan, stdout, stderr)
		if err != nil {
			return nil, nil, err
		}
		return l, &l.From, nil
	}
	l, err := newSlurm(ctx, opts, plan, stderr)
	if err != nil {
		return nil, nil, err
	}
	return l, &l.From, nil
}

// runCluster submits the cells of the sweep.
func runCluster(ctx context.Context, opts *sweepOptions, plan *sweep.Plan, resolved *configs.Resolved, stdout, stderr io.Writer) error {
	launcher, from, err := newScheduler(ctx, opts, plan, stdout, stderr)
	if err != nil {
		return err
	}
	if opts.dryRun {
		text, err := launcher.Script(plan)
		if err == nil {
			_, err = io.WriteString(stdout, text)
		}
		return err
	}
	release, err := opts.claim(ctx, plan)
	if err != nil {
		return err
	}
	cli.WriteNotes(stderr, cli.NoteLines(resolved.SweepNotes(0)))
	*from = plan.FromFile()
	jobs, err := submit(ctx, opts, plan, launcher, stderr)
	if cli.IsAny[*slurm.CommandError](err) {
		err = fmt.Errorf("%w\nnothing was submitted: fix this, then resume with: %s --on %s", err, opts.ResumeCommand("sweep", plan.Root), opts.on)
	}
	if err := errors.Join(err, release()); err != nil {
		return err
	}
	switch {
	case opts.wait:
		return follow(ctx, opts, plan.Root, stdout, stderr)
	case opts.on == kubernetes.Name && !opts.apply:
		return writeSubmitted(stderr, plan, jobs, false) // the Job is on stdout
	}
	return writeSubmitted(stdout, plan, jobs, opts.json)
}

// submit submits the unfinished cells that no launcher has.
func submit(ctx context.Context, opts *sweepOptions, plan *sweep.Plan, launcher sweep.Launcher, stderr io.Writer) ([]sweep.Job, error) {
	alive, by := []sweep.Alive(nil), ""
	for _, l := range clusters() {
		has, err := l.Alive(ctx, plan.Root)
		if err != nil {
			return nil, err
		}
		if len(has) > 0 {
			alive, by = append(alive, has...), l.Name()
		}
	}
	cells := plan.Unfinished(alive)
	switch {
	case len(cells) > 0 && len(alive) > 0:
		fmt.Fprintf(stderr, "%d cells are pending or running and are left alone\n", len(alive))
	case len(cells) == 0 && len(alive) > 0:
		return nil, &sweep.BusyError{Root: plan.Root, Alive: alive, By: by}
	case len(cells) == 0:
		fmt.Fprintf(stderr, "all %d cells are complete\n", len(plan.Cells))
		return nil, nil
	}
	return launcher.Submit(ctx, plan, cells)
}

// newSlurm prepares what the jobs need: the native library, and how much memory a step
// takes, measured on this host.
func newSlurm(ctx context.Context, opts *sweepOptions, plan *sweep.Plan, stderr io.Writer) (*slurm.Launcher, error) {
	r := plan.Experiment.Runtime
	command, err := clusterCommand(ctx, plan, stderr)
	if err != nil {
		return nil, err
	}
	o := slurm.Options{
		Program: command.program, Library: command.library, CellFlag: cli.CellFlag, AtOnce: opts.jobs, More: opts.options,
		Threads: r.Threads, GPU: r.Device.Traits().Exclusive && !opts.gives("gres", "gpus", "gpus-per-node", "gpus-per-task"),
	}
	if !r.Device.Traits().OwnMemory && !opts.gives("mem", "mem-per-cpu") {
		o.Memory, err = memoryOfCells(ctx, plan, command, "--slurm '--mem=…'", stderr)
	}
	return &slurm.Launcher{Options: o}, err
}

// clusterCommand returns the command for cells, after fetching the native library if
// necessary. The experiment must say how many processors a cell takes.
func clusterCommand(ctx context.Context, plan *sweep.Plan, stderr io.Writer) (cellCommand, error) {
	r := plan.Experiment.Runtime
	if r.Threads == 0 {
		return cellCommand{}, cli.BadUsage(errors.New("runtime.threads: 0 means all cores, but a job gets only those that it requests: set the number, for example with --set runtime.threads=8"))
	}
	path, err := library.Ensure(ctx, library.Options{Library: r.Library, Device: r.Device, Progress: stderr, Elsewhere: true})
	if err != nil {
		return cellCommand{}, err
	}
	return newCellCommand(plan.Root, path)
}

// memoryOfCells measures a few steps and returns how many bytes of memory are enough for
// each unfinished cell: those of a step and a fifth more, and the images. without names
// the flag with which nothing needs to be measured.
func memoryOfCells(ctx context.Context, plan *sweep.Plan, command cellCommand, without string, stderr io.Writer) (int64, error) {
	data, err := cli.LoadData(ctx, plan.Experiment.Data, io.Discard)
	if err != nil {
		return 0, err
	}
	height, width := data.Train.Size()
	var most int64
	measured := map[string]bool{}
	for _, c := range plan.Unfinished(nil) {
		key := costKey(c.Experiment)
		if measured[key] {
			continue
		}
		if len(measured) == 0 {
			fmt.Fprintf(stderr, "measuring how much memory steps take (not needed with %s)\n", without)
		}
		measured[key] = true
		m, err := measureCell(ctx, command, c.Experiment, height, width)
		if err != nil {
			return 0, fmt.Errorf("measure %s: %w", sweep.Name(c.Key), err)
		}
		most = max(most, m.PeakBytes)
	}
	if most == 0 {
		return 0, nil // no cell is unfinished, or the system does not report memory
	}
	const spare, bytesOfPixel = 256 << 20, 3
	images := int64(data.Train.Len()+data.Validation.Len()) * int64(height*width*bytesOfPixel)
	return most + most/5 + images + spare, nil
}

// writeSubmitted says what was submitted and what to do next.
func writeSubmitted(w io.Writer, plan *sweep.Plan, jobs []sweep.Job, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(w, map[string]any{"dir": plan.Root, "jobs": jobs})
	}
	var arrays []string
	cells, report := 0, ""
	for _, j := range jobs {
		if j.IsReport() {
			report = ", and the report as job " + j.ID + ", which runs after them"
			continue
		}
		arrays, cells = append(arrays, j.ID), cells+len(j.Tasks)
	}
	if len(jobs) > 0 {
		fmt.Fprintf(w, "submitted %d cells as job %s%s\n", cells, strings.Join(arrays, ", "), report)
	}
	_, err := fmt.Fprintf(w, "sweep directory: %s\ncheck its progress with: pipeline sweep --status %s\n", plan.Root, printable.ShellWord(plan.Root))
	return err
}

// checkSweep returns an error if dir is not the directory of a sweep.
func checkSweep(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return cli.BadData(err)
	}
	if kind := rundir.KindOf(dir); kind != rundir.OfSweep {
		if kind == rundir.Neither {
			return cli.BadDataf("%q is not a sweep directory: no sweep has begun in it", dir)
		}
		return cli.BadDataf("%q holds a %s, not a sweep", dir, kind)
	}
	return nil
}
