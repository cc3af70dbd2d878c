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

// Launcher trains cells on this machine. It is a sweep.Launcher.
type Launcher struct {
	Options
	// Outcome is the result of Submit.
	Outcome Outcome
}

var _ sweep.Launcher = (*Launcher)(nil)

// Name returns "local".
func (*Launcher) Name() string { return "local" }

// Submit runs the cells, as Run does, and returns when they have ended.
func (l *Launcher) Submit(ctx context.Context, _ *sweep.Plan, cells []sweep.Cell) (_ []sweep.Job, err error) {
	l.Outcome, err = run(ctx, cells, l.Options)
	return nil, err
}

// Alive returns the cells that a local sweep in root has not finished: those that it is
// running, which hold the locks of their directories, and those that it has not begun. It
// also returns cells whose lock is held by a process on another host, although nothing
// else is known about that process.
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
			continue // whoever reads the files reports the damage
		}
		running, err := holder(c.Dir)
		if err != nil {
			return nil, err
		}
		a := sweep.Alive{Key: c.Key, Reason: "waits for its turn"}
		if running.PID != 0 {
			a = sweep.Alive{Key: c.Key, Running: true, Node: running.Host}
		}
		alive = append(alive, a)
	}
	return alive, nil
}

// hasEnded reports whether the running sweep has finished the cell.
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

// Cancel interrupts the process on this machine that runs the sweep. It saves the state of
// its cells.
func (*Launcher) Cancel(_ context.Context, root string) error {
	sweeping, err := holder(root)
	switch {
	case err != nil || sweeping.PID == 0:
		return err
	case sweeping.Life() != durable.Alive:
		return fmt.Errorf("cancel %q: %s runs it; cancel it there", root, sweeping)
	}
	p, err := os.FindProcess(sweeping.PID)
	if err != nil {
		return err
	}
	return interrupt(p)
}

// holder returns who holds the lock of dir; zero if nobody does, or if that process is
// gone.
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

// hasLeft reports whether a holder on this host is gone. It is for systems other than
// Linux, where the only evidence is whether a process with its number exists.
func hasLeft(h durable.Holder) bool {
	host, err := os.Hostname()
	if err != nil || h.Host != host || h.Boot != "" {
		return false
	}
	p, err := os.FindProcess(h.PID)
	return err != nil || errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
