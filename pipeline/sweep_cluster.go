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

// onLocal is what --on is without it.
const onLocal = "local"

const clusterHelp = `
--on slurm gives the unfinished cells to Slurm as an array of jobs, and a job that
writes the report once they have ended, and leaves: docs/clusters.md. A cell that is
preempted, at its time limit or on a node that fails saves its state, if it still
can, and goes on later. --dry-run prints the script. Each cell gets the processors of
runtime.threads and the memory that a measured step takes; --slurm adds options of
sbatch. The sweep directory must be on a file system that all nodes have.

--on kubernetes writes an Indexed Job to stdout, or gives it to the cluster with
--apply. Its pods have the volume of --claim at the same path as this host. When they
have ended, "pipeline report" writes the report, as --wait does.

--status prints where each cell of a sweep is, of a local one too: complete, failed
with its reason, running with its epoch, pending with its reason, or lost. --resume
submits those that failed or are lost, and leaves alone what the scheduler still has.
--cancel ends them; those that run save their state.
`

// clusterFlags say where the cells run, and what to do with a sweep that runs.
type clusterFlags struct {
	on    string
	slurm []string
	kubernetesFlags
	wait           bool
	status, cancel string
	// options are those of slurm, word by word.
	options []string
}

func (f *clusterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.on, "on", onLocal, "where the cells run: local, slurm or kubernetes")
	flags.StringArrayVar(&f.slurm, "slurm", nil, "further options of sbatch, as '--partition=x --time=2:00:00' (repeatable)")
	f.kubernetesFlags.add(flags)
	flags.BoolVar(&f.wait, "wait", false, "follow the cells on a cluster, also with --status, until they have ended, then print the report")
	flags.StringVar(&f.status, "status", "", "print where the cells of the sweep in this directory are")
	flags.StringVar(&f.cancel, "cancel", "", "cancel the cells of the sweep in this directory that run or wait")
	_ = cmd.RegisterFlagCompletionFunc("on", cobra.FixedCompletions(known, cobra.ShellCompDirectiveNoFileComp)) // fails for unknown flags only
}

// known are the values of --on.
var known = []string{onLocal, slurm.Name, kubernetes.Name}

// ownOptions are sbatch's options that the sweep sets itself.
var ownOptions = []string{"array", "dependency", "parsable", "wrap", "wait", "requeue", "no-requeue", "open-mode", "signal", "output", "error", "chdir", "job-name"}

// check reads the flags and refuses what does not go together.
func (f *clusterFlags) check() error {
	switch {
	case !slices.Contains(known, f.on):
		return cli.BadUsagef("--on: unknown launcher %q (known: %s)", f.on, strings.Join(known, ", "))
	case f.on != slurm.Name && len(f.slurm) > 0:
		return cli.BadUsage(errors.New("--slurm: it is for --on slurm, which is not given"))
	case f.on == onLocal && f.wait: // and no --status
		return cli.BadUsage(errors.New("--wait: a local sweep is always waited for: leave it out"))
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
			if slices.Contains(ownOptions, name) {
				return cli.BadUsagef("--slurm: the sweep sets --%s itself: leave it out", name)
			}
			f.options = append(f.options, word)
		}
	}
	return nil
}

// gives tells whether the options of Slurm have one of the names.
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

// clusters are the launchers that go on when the command has ended.
func clusters() []sweep.Launcher {
	return []sweep.Launcher{&slurm.Launcher{}, &kubernetes.Launcher{}}
}

// launchers are all that may have cells of a sweep.
func launchers() []sweep.Launcher { return append(clusters(), &local.Launcher{}) }

// scheduler is a launcher of a cluster.
type scheduler interface {
	sweep.Launcher
	// Script is what it would submit, for people to look at.
	Script(*sweep.Plan) (string, error)
}

// newScheduler prepares the launcher that --on names. from is the file whose parameters
// the cells will begin with.
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
		err = fmt.Errorf("%w\nnothing was submitted: mend that, then go on with: %s --on %s", err, opts.ResumeCommand("sweep", plan.Root), opts.on)
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

// submit gives the launcher what is unfinished and nobody has.
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

// newSlurm prepares what the jobs need on this host: the native library, and how much
// memory a step takes.
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

// clusterCommand is the command of cells, once the native library is there. Cells must
// say how many processors they take.
func clusterCommand(ctx context.Context, plan *sweep.Plan, stderr io.Writer) (cellCommand, error) {
	r := plan.Experiment.Runtime
	if r.Threads == 0 {
		return cellCommand{}, cli.BadUsage(errors.New("runtime.threads: 0 takes all cores, but a job has those that it asks for: say how many, as by --set runtime.threads=8"))
	}
	path, err := library.Ensure(ctx, library.Options{Library: r.Library, Device: r.Device, Progress: stderr, Elsewhere: true})
	if err != nil {
		return cellCommand{}, err
	}
	return newCellCommand(plan.Root, path)
}

// memoryOfCells is how many bytes of memory any of the unfinished cells takes, by a few
// measured steps: those of a step with a fifth to spare, and the images.
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
			fmt.Fprintf(stderr, "measuring how much memory steps take (%s leaves that out)\n", without)
		}
		measured[key] = true
		m, err := measureCell(ctx, command, c.Experiment, height, width)
		if err != nil {
			return 0, fmt.Errorf("measure %s: %w", sweep.Name(c.Cell), err)
		}
		most = max(most, m.PeakBytes)
	}
	if most == 0 {
		return 0, nil // nothing is left to do, or the system does not tell
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
			report = ", and the report as job " + j.ID + ", which follows them"
			continue
		}
		arrays, cells = append(arrays, j.ID), cells+len(j.Tasks)
	}
	if len(jobs) > 0 {
		fmt.Fprintf(w, "submitted %d cells as job %s%s\n", cells, strings.Join(arrays, ", "), report)
	}
	_, err := fmt.Fprintf(w, "sweep directory: %s\nlook after it with: pipeline sweep --status %s\n", plan.Root, printable.ShellWord(plan.Root))
	return err
}

// checkSweep tells why dir is not that of a sweep.
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
