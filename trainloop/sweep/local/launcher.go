package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"onnxlab/internal/durable"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

// Launcher trains cells here. It is a sweep.Launcher.
type Launcher struct {
	Options
	// Outcome is what Submit came to.
	Outcome Outcome
}

var _ sweep.Launcher = (*Launcher)(nil)

// Name is "local".
func (*Launcher) Name() string { return "local" }

// Submit runs the cells, as Run does, and returns when they have ended.
func (l *Launcher) Submit(ctx context.Context, _ *sweep.Plan, cells []sweep.Cell) (_ []sweep.Job, err error) {
	l.Outcome, err = run(ctx, cells, l.Options)
	return nil, err
}

// Alive tells the cells of a sweep that a process of this machine is at: those that run, by
// the locks of their directories, and those that wait for their turn. A process on
// another host, of which nothing else is known, counts as well.
func (*Launcher) Alive(_ context.Context, root string) ([]sweep.Alive, error) {
	sweeping, err := holder(root)
	if err != nil || sweeping.PID == 0 {
		return nil, err
	}
	e, err := rundir.ReadConfig(root)
	if err != nil {
		return nil, err
	}
	p, err := sweep.New(e, root)
	if err != nil {
		return nil, err
	}
	var alive []sweep.Alive
	for _, c := range p.Cells {
		if done, err := hasEnded(c); done || err != nil {
			continue // damage is for the reader of the files to tell
		}
		running, err := holder(c.Dir)
		if err != nil {
			return nil, err
		}
		a := sweep.Alive{Cell: c.Cell, Reason: "waits for its turn"}
		if running.PID != 0 {
			a = sweep.Alive{Cell: c.Cell, Running: true, Node: running.Host}
		}
		alive = append(alive, a)
	}
	return alive, nil
}

// hasEnded tells whether the sweep that runs is through with the cell.
func hasEnded(c sweep.Cell) (bool, error) {
	if rundir.Complete(c.Dir) {
		return true, nil
	}
	_, err := rundir.ReadFailure(c.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Cancel interrupts the process of this machine that runs the sweep, which saves the
// state of its cells.
func (*Launcher) Cancel(_ context.Context, root string) error {
	sweeping, err := holder(root)
	switch {
	case err != nil || sweeping.PID == 0:
		return err
	case sweeping.Life() != durable.Alive:
		return fmt.Errorf("cancel %q: %s runs it: cancel it there", root, sweeping)
	}
	p, err := os.FindProcess(sweeping.PID)
	if err != nil {
		return err
	}
	return interrupt(p)
}

// holder is who has the lock of dir and is not known to be gone; zero if nobody.
func holder(dir string) (durable.Holder, error) {
	h, err := durable.HolderOf(dir)
	if errors.Is(err, os.ErrNotExist) {
		return durable.Holder{}, nil
	}
	if err != nil || h.Life() == durable.Gone || h.Life() == durable.Unknown && hasLeft(h) {
		return durable.Holder{}, err
	}
	return h, nil
}

// hasLeft tells of a holder on this host, where systems other than Linux tell no more,
// whether there is no process of its number any more.
func hasLeft(h durable.Holder) bool {
	host, err := os.Hostname()
	if err != nil || h.Host != host || h.Boot != "" {
		return false
	}
	p, err := os.FindProcess(h.PID)
	return err != nil || errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
