// Package sweep runs a grid of training runs: every condition at every batch
// size with every seed.
//
//	plan, err := sweep.New(experiment, "runs/study")
//	release, err := plan.Claim(resume)
//	outcome, err := local.Run(ctx, plan, local.Options{Command: command})
//
// Each cell of the grid is a process of its own, so that one that runs out of
// memory or diverges is marked as failed and the others go on. Cells that are
// complete are passed over, and one that was interrupted goes on where it was.
//
// Where the processes run is the matter of a [Launcher]: those of the packages local,
// slurm and kubernetes below this one. [Statuses] tells where each cell is.
package sweep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/warmstart"
)

// Cell is one run of the grid.
type Cell struct {
	rundir.Cell
	// Dir is its run directory.
	Dir string
	// Experiment is the sweep's under the cell's condition.
	Experiment configs.Experiment
}

// Plan is the cells of a sweep in the order in which they are run.
type Plan struct {
	Root       string
	Experiment configs.Experiment
	Cells      []Cell
	// From is the parameters that every cell begins with; nil for random ones. Where
	// it is not set, Claim sets it to that of the sweep that goes on.
	From *warmstart.Source
}

// New lays out the cells of the experiment's grid in the directory root. All
// cells that the settings do not allow are reported at once.
func New(e configs.Experiment, root string) (*Plan, error) {
	p := &Plan{Root: root, Experiment: e}
	var problems []error
	for _, seed := range e.Sweep.Seeds {
		for _, batch := range e.Sweep.BatchSizes {
			for _, condition := range e.Sweep.Conditions {
				cell := rundir.Cell{Condition: condition, BatchSize: batch, Seed: seed}
				experiment, err := e.Cell(condition, batch, seed)
				if err != nil {
					problems = append(problems, fmt.Errorf("cell %s: %w", Name(cell), err))
					continue
				}
				p.Cells = append(p.Cells, Cell{
					Cell: cell, Experiment: experiment,
					Dir: rundir.CellDir(root, cell, len(e.Sweep.Seeds) > 1),
				})
			}
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if len(p.Cells) == 0 {
		return nil, errors.New("the sweep has no cells: sweep.conditions, sweep.batch_sizes or sweep.seeds is empty")
	}
	return p, nil
}

// Name is what a cell is called in messages.
func Name(c rundir.Cell) string {
	return fmt.Sprintf("%s, batch %d, seed %d", c.Condition, c.BatchSize, c.Seed)
}

// Claim makes the sweep directory, keeps other sweeps out of it until it is released
// and writes the sweep's configuration. A directory that holds a run is refused, and
// so is one that holds a sweep, unless resume is set and the two differ at most in
// the grid and begin with the same parameters.
func (p *Plan) Claim(resume bool) (release func() error, err error) {
	if err := p.check(resume); err != nil {
		return nil, err // and nothing is made
	}
	if err := os.MkdirAll(p.Root, 0o755); err != nil {
		return nil, fmt.Errorf("make sweep directory: %w", err)
	}
	release, err = durable.Lock(p.Root)
	if err != nil {
		return nil, err
	}
	if err = p.check(resume); err == nil { // it may have become another's meanwhile
		err = p.describe()
	}
	if err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// check tells what is in the way of the sweep in its directory.
func (p *Plan) check(resume bool) error {
	kind := rundir.KindOf(p.Root)
	began, err := rundir.ReadConfig(p.Root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !resume || kind != rundir.OfSweep:
		return &trainloop.Occupied{Dir: p.Root, Holds: kind, Wanted: rundir.OfSweep}
	}
	if err := p.compatible(began); err != nil {
		return err
	}
	return p.checkFrom()
}

// describe writes the sweep's configuration, from which its cells take theirs, and
// before that, with which the directory is a sweep's, what they begin with.
func (p *Plan) describe() error {
	if rundir.KindOf(p.Root) == rundir.Neither {
		if err := p.keepFrom(); err != nil {
			return err
		}
	}
	text, err := configs.MarshalSweep(p.Experiment)
	if err != nil {
		return err
	}
	return durable.WriteBytes(rundir.Layout{Dir: p.Root}.Config(), text)
}

func (p *Plan) compatible(began configs.Experiment) error {
	now := p.Experiment
	now.Sweep = began.Sweep
	if began.Hash() == now.Hash() {
		return nil
	}
	return trainloop.NewMismatch(p.Root, began, now)
}

// Log is where the messages of a cell's process go.
func (c Cell) Log() string { return filepath.Join(c.Dir, "train.log") }
