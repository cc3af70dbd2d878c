package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"onnxlab/internal/durable"
	"onnxlab/trainloop/rundir"
)

// ExitLocked is the exit status of a cell's process, like that of "pipeline train", if
// another process is using the cell's run directory. The cell does not count as failed
// then.
const ExitLocked = 4

// Launcher trains the cells of a sweep, in processes of this machine or with the scheduler
// of a cluster. The run directory of a cell records how the cell ended; the launcher is
// only asked which cells it still has.
type Launcher interface {
	// Name returns the name of the launcher. It is the value of the flag --on, and the name
	// of the folder in the sweep directory with the launcher's files.
	Name() string
	// Submit trains these cells of the plan. The caller holds the plan's lock. With a
	// scheduler, Submit returns the jobs that it was given; without one, Submit returns
	// when the cells have ended.
	Submit(ctx context.Context, p *Plan, cells []Cell) ([]Job, error)
	// Alive returns the cells of the sweep in root that run, or wait to run.
	Alive(ctx context.Context, root string) ([]Alive, error)
	// Cancel stops the cells that are alive. Cells that run save their state first.
	Cancel(ctx context.Context, root string) error
}

// Alive is a cell that runs, or waits to run.
type Alive struct {
	rundir.Key
	// Running reports whether the cell runs; otherwise it waits, for Reason.
	Running bool
	Reason  string
	// Node is the host on which it runs, Job the scheduler's name for it, and Restarts how
	// often it was restarted.
	Node, Job string
	Restarts  int
}

// Job is a job that was given to a scheduler: an array of cells, or the report.
type Job struct {
	ID string `json:"id"`
	// Namespace is the namespace in Kubernetes; empty for the default one.
	Namespace string    `json:"namespace,omitempty"`
	Submitted time.Time `json:"submitted"`
	// Tasks has the cells; it is empty for the report.
	Tasks []Task `json:"tasks,omitempty"`
}

// Task is a cell and its number in a job.
type Task struct {
	Index int `json:"task"`
	rundir.Key
}

// IsReport reports whether the job writes the report.
func (j Job) IsReport() bool { return len(j.Tasks) == 0 }

// Folder returns the folder with the launcher's files in the sweep directory root.
func Folder(root, launcher string) string { return filepath.Join(root, launcher) }

func jobsPath(root, launcher string) string {
	return filepath.Join(Folder(root, launcher), "jobs.json")
}

// ReadJobs returns the jobs that this launcher submitted for the sweep in root, in the
// order of their submission.
func ReadJobs(root, launcher string) ([]Job, error) {
	path := jobsPath(root, launcher)
	const limit = 1 << 26
	data, err := durable.ReadPlain(path, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var jobs []Job
	if err := json.Unmarshal(data, &jobs); err != nil {
		return nil, &rundir.DataError{Path: path, Message: err.Error()}
	}
	return jobs, nil
}

// AddJob records a submitted job.
func AddJob(root, launcher string, j Job) error {
	jobs, err := ReadJobs(root, launcher)
	if err != nil {
		return err
	}
	return durable.WriteFile(jobsPath(root, launcher), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(append(jobs, j))
	})
}

// LastTasks returns, for each cell that was ever submitted, the name of the last job that
// contained it, with the cell's number in that job.
func LastTasks(jobs []Job) map[rundir.Key]string {
	last := map[rundir.Key]string{}
	for _, j := range jobs {
		for _, t := range j.Tasks {
			last[t.Key] = fmt.Sprintf("%s_%d", j.ID, t.Index)
		}
	}
	return last
}

// BusyError is the error of starting cells that are alive.
type BusyError struct {
	Root  string
	Alive []Alive
	// By is the name of the launcher that has the cells.
	By string
}

// Error implements error.
func (e *BusyError) Error() string {
	first := e.Alive[0]
	doing := "waits"
	if first.Running {
		doing = "runs"
	}
	if first.Job != "" {
		doing += " as job " + first.Job
	}
	return fmt.Sprintf("%q: %d of its cells are pending or running with --on %s, for example %s, which %s", e.Root, len(e.Alive), e.By, Name(first.Key), doing)
}

// Unfinished returns the cells that are neither complete nor alive.
func (p *Plan) Unfinished(alive []Alive) []Cell {
	var cells []Cell
	for _, c := range p.Cells {
		has := slices.ContainsFunc(alive, func(a Alive) bool { return a.Key == c.Key })
		if !has && !rundir.Complete(c.Dir) {
			cells = append(cells, c)
		}
	}
	return cells
}

// Prepare creates the directory of a cell that will be trained, and removes the marks of an
// earlier failure.
func Prepare(c Cell) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	return errors.Join(rundir.ClearFailure(c.Dir), rundir.ForgetStarts(c.Dir))
}
