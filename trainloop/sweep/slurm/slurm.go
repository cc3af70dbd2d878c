// Package slurm has Slurm train the cells of a sweep, as arrays of jobs.
//
//	launcher := &slurm.Launcher{Options: options}
//	jobs, err := launcher.Submit(ctx, plan, cells)
//
// In the sweep directory it keeps its files in the folder slurm:
//
//	cells        one line a cell that was ever submitted: its name and its directory
//	job.sh       what trains the cell of a line, and asks for its own return
//	report.sh    what writes the report once all have ended
//	jobs.json    what was submitted: sweep.Job
//	program-…    the program, as it was then
//	*.log        what Slurm says of each cell; the messages of training are in the
//	             cell's own train.log
//
// Slurm's accounting is not needed: what became of a cell its run directory tells, and
// squeue is only asked what waits and runs.
package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

// Name is the launcher's name, and that of its folder.
const Name = "slurm"

// Options say how jobs are submitted.
type Options struct {
	// Program is this command, Library the native library that it is to open; both
	// with absolute paths that the nodes have too.
	Program, Library string
	// CellFlag is a cell as "train --cell" takes it.
	CellFlag func(rundir.Cell) string
	// From is the file whose parameters the cells begin with; empty for none.
	From string
	// Threads is the processors of each cell, and Memory its bytes, 0 to leave them to
	// Slurm. GPU asks for one.
	Threads int
	Memory  int64
	GPU     bool
	// AtOnce is how many cells run at the same time at most; 0 is as many as Slurm
	// lets.
	AtOnce int
	// More are further options of sbatch, as "--partition=x".
	More []string
}

// Launcher is the sweep.Launcher of Slurm. To ask for jobs and to cancel them it needs no
// options.
type Launcher struct{ Options }

var _ sweep.Launcher = (*Launcher)(nil)

// Name is "slurm".
func (*Launcher) Name() string { return Name }

// Submit gives the cells to Slurm, and after them the report. It returns their jobs. If
// Slurm refuses some, what it has taken before is cancelled.
func (l *Launcher) Submit(ctx context.Context, p *sweep.Plan, cells []sweep.Cell) ([]sweep.Job, error) {
	most, err := maxArraySize(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range cells {
		if err := sweep.Prepare(c); err != nil {
			return nil, err
		}
	}
	tasks, err := l.write(p, cells)
	if err != nil {
		return nil, err
	}
	jobs, err := l.submitAll(ctx, p.Root, cut(tasks, most))
	if err != nil {
		return nil, errors.Join(err, cancel(context.WithoutCancel(ctx), jobs))
	}
	return jobs, nil
}

// submitAll submits the arrays and the report, which also waits for cells that were
// submitted before. It returns what Slurm has taken.
func (l *Launcher) submitAll(ctx context.Context, root string, arrays []array) (jobs []sweep.Job, err error) {
	folder := sweep.Folder(root, Name)
	before, err := l.Alive(ctx, root)
	if err != nil {
		return nil, err
	}
	var waits []string
	for _, a := range before {
		if id, _, _ := strings.Cut(a.Job, "_"); !slices.Contains(waits, id) {
			waits = append(waits, id)
		}
	}
	submit := func(tasks []sweep.Task, args ...string) error {
		out, err := command(ctx, "sbatch", append([]string{"--parsable"}, args...)...)
		if err != nil {
			return err
		}
		id, _, _ := strings.Cut(strings.TrimSpace(out), ";") // the cluster's name follows
		job := sweep.Job{ID: id, Submitted: time.Now().UTC().Truncate(time.Second), Tasks: tasks}
		jobs = append(jobs, job)
		return sweep.AddJob(root, Name, job)
	}
	for _, a := range arrays {
		spec := "--array=" + a.indices()
		if l.AtOnce > 0 {
			spec += "%" + strconv.Itoa(l.AtOnce)
		}
		if err := submit(a.tasks, spec, filepath.Join(folder, jobScript), strconv.Itoa(a.offset)); err != nil {
			return jobs, err
		}
		waits = append(waits, jobs[len(jobs)-1].ID)
	}
	dependency := "--dependency=afterany:" + strings.Join(waits, ":")
	return jobs, submit(nil, dependency, filepath.Join(folder, reportScript))
}

// array is cells of which the lines lie in one range of so many as Slurm numbers.
type array struct {
	// offset is the line, counted from 0, of the number 0.
	offset int
	tasks  []sweep.Task
}

// cut divides tasks, whose numbers are those of their lines from 0 on, in arrays whose
// numbers are below most.
func cut(tasks []sweep.Task, most int) []array {
	var arrays []array
	for _, t := range tasks {
		offset := t.Index / most * most
		if len(arrays) == 0 || arrays[len(arrays)-1].offset != offset {
			arrays = append(arrays, array{offset: offset})
		}
		last := &arrays[len(arrays)-1]
		t.Index -= offset
		last.tasks = append(last.tasks, t)
	}
	return arrays
}

// indices are the numbers as sbatch --array takes them: 0-3,7.
func (a array) indices() string {
	var parts []string
	for i := 0; i < len(a.tasks); {
		first, last := a.tasks[i].Index, a.tasks[i].Index
		for i++; i < len(a.tasks) && a.tasks[i].Index == last+1; i++ {
			last++
		}
		part := strconv.Itoa(first)
		if last > first {
			part += "-" + strconv.Itoa(last)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

// maxArraySize is the number that those of an array's tasks stay below.
func maxArraySize(ctx context.Context) (int, error) {
	out, err := command(ctx, "scontrol", "show", "config")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(line, "=")
		if strings.TrimSpace(name) != "MaxArraySize" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err == nil && n < 2 {
			return 0, errors.New("submit: this Slurm takes no arrays of jobs (MaxArraySize)")
		}
		return n, err
	}
	return 0, errors.New("submit: 'scontrol show config' tells no MaxArraySize")
}

// Cancel cancels the jobs of the sweep in root that Slurm still has, the report too.
func (*Launcher) Cancel(ctx context.Context, root string) error {
	jobs, err := sweep.ReadJobs(root, Name)
	if err != nil {
		return err
	}
	return cancel(ctx, jobs)
}

func cancel(ctx context.Context, jobs []sweep.Job) error {
	if len(jobs) == 0 {
		return nil
	}
	args := []string{"--quiet"}
	for _, j := range jobs {
		args = append(args, j.ID)
	}
	_, err := command(ctx, "scancel", args...)
	return err
}

// command runs one of Slurm's commands and returns what it prints. Its error ends with
// what the command said.
func command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "SLURM_TIME_FORMAT=standard")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case err == nil:
		return stdout.String(), nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("%s: there is no such command on this host: --on slurm and the status of its cells need Slurm's commands", name)
	}
	return "", &CommandError{Name: name, Message: strings.TrimSpace(stderr.String()), err: err}
}

// CommandError is one of Slurm's commands that failed.
type CommandError struct {
	Name, Message string
	err           error
}

// Error is what the command said.
func (e *CommandError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%s: %v", e.Name, e.err)
	}
	return fmt.Sprintf("%s: %s", e.Name, strings.TrimPrefix(e.Message, e.Name+": "))
}

// Unwrap returns the process's own error.
func (e *CommandError) Unwrap() error { return e.err }
