package sweep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"

	"onnxlab/trainloop/rundir"
)

// State is the progress of a cell.
type State string

// The states of a cell.
const (
	// Complete cells have a summary, Failed ones the mark of a failure.
	Complete State = "complete"
	Failed   State = "failed"
	// Running cells train, and Pending ones wait to be started.
	Running State = "running"
	Pending State = "pending"
	// Lost cells were given to a scheduler, which no longer has them, but they have neither
	// a result nor a failure: they were cancelled, or their node was lost.
	Lost State = "lost"
	// Stopped cells have begun, but nothing trains them. Unbegun ones have not begun.
	Stopped State = "stopped"
	Unbegun State = "new"
)

// Status is the state of a cell, with what is known about it.
type Status struct {
	rundir.Key
	Dir   string `json:"dir"`
	State State  `json:"state"`
	// Reason says why the cell failed, waits or is lost.
	Reason string `json:"reason,omitempty"`
	// Done is the number of epochs, of Epochs, that are trained and evaluated.
	Done   int `json:"epochs_done"`
	Epochs int `json:"epochs"`
	// ValAccuracy is the validation accuracy after the last of them, 0..1; nil before the
	// first.
	ValAccuracy *float64 `json:"val_accuracy,omitempty"`
	// Node, Job and Restarts are as in Alive.
	Node     string `json:"node,omitempty"`
	Job      string `json:"job,omitempty"`
	Restarts int    `json:"restarts,omitempty"`
}

// Statuses returns the status of each cell of the sweep in root. It asks the launchers
// which cells are alive.
func Statuses(ctx context.Context, root string, launchers ...Launcher) ([]Status, error) {
	e, err := rundir.ReadConfig(root)
	if err != nil {
		return nil, err
	}
	p, err := New(e, root)
	if err != nil {
		return nil, err
	}
	alive, submitted := map[rundir.Key]Alive{}, map[rundir.Key]string{}
	for _, l := range launchers {
		jobs, err := ReadJobs(root, l.Name())
		if err != nil {
			return nil, err
		}
		tasks := LastTasks(jobs)
		maps.Copy(submitted, tasks)
		if allComplete(p, tasks) {
			continue
		}
		found, err := l.Alive(ctx, root)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			alive[a.Key] = a
		}
	}
	list := make([]Status, len(p.Cells))
	for i, c := range p.Cells {
		if list[i], err = statusOf(c, alive, submitted); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// allComplete reports whether a launcher was given cells and all of them are complete. tasks
// has the last task of each cell. The launcher then need not be asked, which matters if its
// scheduler is no longer there. A launcher that keeps no jobs, such as the local one, is
// always asked.
func allComplete(p *Plan, tasks map[rundir.Key]string) bool {
	for _, c := range p.Cells {
		if tasks[c.Key] != "" && !rundir.Complete(c.Dir) {
			return false
		}
	}
	return len(tasks) > 0
}

// statusOf returns the status of a cell. The caller has asked the launchers before statusOf
// reads the cell's files, so a cell that has ended since counts as complete or failed, not
// as lost.
func statusOf(c Cell, alive map[rundir.Key]Alive, submitted map[rundir.Key]string) (Status, error) {
	s := Status{Key: c.Key, Dir: c.Dir, Epochs: c.Experiment.Train.Epochs}
	begun, err := s.readHistory()
	if err != nil {
		return s, err
	}
	if rundir.Complete(c.Dir) {
		s.State = Complete
		return s, nil
	}
	if a, ok := alive[c.Key]; ok {
		s.State, s.Reason, s.Node, s.Job, s.Restarts = Pending, a.Reason, a.Node, a.Job, a.Restarts
		if a.Running {
			s.State = Running
		}
		return s, nil
	}
	failure, err := rundir.ReadFailure(c.Dir)
	switch job, wasSubmitted := submitted[c.Key]; {
	case err == nil:
		s.State, s.Reason = Failed, failure.Error
	case !errors.Is(err, fs.ErrNotExist):
		return s, err
	case wasSubmitted:
		s.State, s.Reason = Lost, fmt.Sprintf("job %s has ended without a result: it was cancelled, or its node was lost", job)
	case begun:
		s.State = Stopped
	default:
		s.State = Unbegun
	}
	return s, nil
}

// readHistory fills in the results in the cell's history, and reports whether the cell has
// begun.
func (s *Status) readHistory() (begun bool, err error) {
	history, err := rundir.ReadHistory(rundir.Layout{Dir: s.Dir}.History())
	if errors.Is(err, fs.ErrNotExist) {
		return rundir.KindOf(s.Dir) == rundir.OfRun, nil
	}
	if err != nil {
		return false, err
	}
	if s.Done = len(history); s.Done > 0 {
		s.ValAccuracy = &history[s.Done-1].ValAccuracy
	}
	return true, nil
}

// Elsewhere returns a *BusyError if one of the launchers has cells of the sweep in root, so
// that they cannot be started here. If a launcher cannot be asked, it returns another error.
func Elsewhere(ctx context.Context, root string, launchers ...Launcher) error {
	for _, l := range launchers {
		alive, err := l.Alive(ctx, root)
		if err != nil {
			return fmt.Errorf("ask %s which cells it has: %w", l.Name(), err)
		}
		if len(alive) > 0 {
			return &BusyError{Root: root, Alive: alive, By: l.Name()}
		}
	}
	return nil
}
