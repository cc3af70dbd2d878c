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

// ExitLocked is the exit status of a cell's process, as of "pipeline train", that found
// another one in its run directory. It is no failure of the cell.
const ExitLocked = 4

// Launcher has the cells of a sweep trained: in processes of this machine, or by the
// scheduler of a cluster. What became of a cell is told by its run directory alone. The
// launcher is only asked which cells it still has.
type Launcher interface {
	// Name is the word that the command's flag --on takes, and the folder in the sweep
	// directory that the launcher keeps its files in.
	Name() string
	// Submit has the cells trained, which are some of the plan's. The caller has the
	// plan's lock. A scheduler takes the jobs and Submit returns them; without one, Submit
	// returns when the cells have ended.
	Submit(ctx context.Context, p *Plan, cells []Cell) ([]Job, error)
	// Alive tells which cells of the sweep in root run or wait to.
	Alive(ctx context.Context, root string) ([]Alive, error)
	// Cancel ends what is alive. Cells that run save their state first.
	Cancel(ctx context.Context, root string) error
}

// Alive is a cell that a launcher has.
type Alive struct {
	rundir.Cell
	// Running tells that it runs; otherwise it waits, for Reason.
	Running bool
	Reason  string
	// Node is where it runs, Job what the scheduler calls it, and Restarts how often
	// it was started again.
	Node, Job string
	Restarts  int
}

// Job is what a scheduler was given: an array of cells, or the report.
type Job struct {
	ID string `json:"id"`
	// Namespace is that of Kubernetes; empty for the usual one.
	Namespace string    `json:"namespace,omitempty"`
	Submitted time.Time `json:"submitted"`
	// Tasks are the cells, none of the report.
	Tasks []Task `json:"tasks,omitempty"`
}

// Task is a cell as a job numbers it.
type Task struct {
	Index int `json:"task"`
	rundir.Cell
}

// IsReport tells that the job writes the report.
func (j Job) IsReport() bool { return len(j.Tasks) == 0 }

// Folder is where the launcher of that name keeps its files, in the sweep in root.
func Folder(root, launcher string) string { return filepath.Join(root, launcher) }

func jobsPath(root, launcher string) string {
	return filepath.Join(Folder(root, launcher), "jobs.json")
}

// ReadJobs returns the jobs that the launcher was given for the sweep in root, in the
// order of their submission; none if it was given none.
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

// AddJob keeps a job that was submitted.
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

// LastTasks gives for each cell that was ever submitted the last job that had it, and
// its number there.
func LastTasks(jobs []Job) map[rundir.Cell]string {
	last := map[rundir.Cell]string{}
	for _, j := range jobs {
		for _, t := range j.Tasks {
			last[t.Cell] = fmt.Sprintf("%s_%d", j.ID, t.Index)
		}
	}
	return last
}

// BusyError tells that cells are not to be started, as they are alive.
type BusyError struct {
	Root  string
	Alive []Alive
	// By is the launcher that has them.
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
	return fmt.Sprintf("%q: %d of its cells are pending or running by --on %s: %s, for one, %s", e.Root, len(e.Alive), e.By, Name(first.Cell), doing)
}

// Unfinished returns the cells that are not complete, but for those that are alive.
func (p *Plan) Unfinished(alive []Alive) []Cell {
	var cells []Cell
	for _, c := range p.Cells {
		has := slices.ContainsFunc(alive, func(a Alive) bool { return a.Cell == c.Cell })
		if !has && !rundir.Complete(c.Dir) {
			cells = append(cells, c)
		}
	}
	return cells
}

// Prepare makes the directory of a cell that is to be trained, and clears away what is
// left of an earlier failure.
func Prepare(c Cell) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	return errors.Join(rundir.ClearFailure(c.Dir), rundir.ForgetStarts(c.Dir))
}
