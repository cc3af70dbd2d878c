// Package slurm trains the cells of a sweep on Slurm, as job arrays.
//
//	launcher := &slurm.Launcher{Options: options}
//	jobs, err := launcher.Submit(ctx, plan, cells)
//
// It keeps its files in the folder slurm of the sweep directory:
//
//	cells        one line for each cell that was ever submitted: its name and its directory
//	job.sh       trains the cell of one line, and requeues itself if it is interrupted
//	report.sh    writes the report when all cells have ended
//	jobs.json    the submitted jobs: sweep.Job
//	program-…    the program as it was at the submission
//	*.log        what Slurm says about each cell; the messages of training are in the
//	             cell's own train.log
//
// Slurm's accounting is not needed: the run directory of a cell records how it ended, and
// squeue is only asked which cells wait and run.
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

// Name is the name of the launcher and of its folder.
const Name = "slurm"

// Options says how jobs are submitted.
type Options struct {
	// Program is the path of this command, and Library that of the native library. Both are
	// absolute and must exist on the nodes too.
	Program, Library string
	// CellFlag returns the name of a cell as "train --cell" takes it.
	CellFlag func(rundir.Key) string
	// From is the path of the parameters with which the cells begin; empty for none.
	From string
	// Threads is the number of processors of each cell, and Memory its memory in bytes; 0
	// leaves them to Slurm. GPU requests one GPU.
	Threads int
	Memory  int64
	GPU     bool
	// AtOnce is the largest number of cells that run at the same time; 0 means as many as
	// Slurm allows.
	AtOnce int
	// More has further options of sbatch, such as "--partition=x".
	More []string
}

// Launcher is the sweep.Launcher of Slurm. Alive and Cancel need no options.
type Launcher struct{ Options }

var _ sweep.Launcher = (*Launcher)(nil)

// Name returns "slurm".
func (*Launcher) Name() string { return Name }

// Submit submits the cells to Slurm, followed by the report. It returns their jobs. If
// Slurm refuses one of them, Submit cancels those that it has already accepted.
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
// submitted earlier. It returns the jobs that Slurm has accepted.
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

// array is a job array: cells whose lines lie in one range of the size that Slurm allows.
type array struct {
	// offset is the line, counted from 0, of the task with number 0.
	offset int
	tasks  []sweep.Task
}

// cut divides the tasks, whose numbers are their lines, counted from 0, into arrays in
// which all numbers are below most.
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

// indices formats the numbers as sbatch --array takes them: 0-3,7.
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

// maxArraySize returns the exclusive upper limit of task numbers in an array.
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
			return 0, errors.New("submit: this Slurm does not accept job arrays (MaxArraySize is 0 or 1)")
		}
		return n, err
	}
	return 0, errors.New("submit: 'scontrol show config' does not print MaxArraySize")
}

// Cancel cancels those jobs of the sweep in root that Slurm still has, including the
// report.
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

// command runs one of Slurm's commands and returns its output. Its error ends with the
// message of the command.
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

// CommandError is the error of one of Slurm's commands.
type CommandError struct {
	Name, Message string
	err           error
}

// Error includes the message of the command.
func (e *CommandError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%s: %v", e.Name, e.err)
	}
	return fmt.Sprintf("%s: %s", e.Name, strings.TrimPrefix(e.Message, e.Name+": "))
}

// Unwrap returns the error of the process.
func (e *CommandError) Unwrap() error { return e.err }
