// Package sweep runs a grid of training runs: every condition at every batch
// size with every seed.
//
//	plan, err := sweep.New(experiment, "runs/study")
//	release, err := plan.Claim(resume)
//	outcome, err := local.Run(ctx, plan, local.Options{Command: command})
//
// Each cell of the grid runs in its own process, so that one that runs out of memory or
// diverges is marked as failed while the others go on. Complete cells are skipped, and
// interrupted ones continue where they stopped.
//
// A [Launcher] decides where the processes run: see the packages local, slurm and
// kubernetes below this one. [Statuses] returns the state of each cell.
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

// Cell is one run of the grid, with all that is needed to start it.
type Cell struct {
	rundir.Key
	// Dir is the run directory of the cell.
	Dir string
	// Experiment is the experiment of the sweep with the cell's condition, batch size and
	// seed.
	Experiment configs.Experiment
}

// Plan has the cells of a sweep in the order in which they are run.
type Plan struct {
	Root       string
	Experiment configs.Experiment
	Cells      []Cell
	// From has the parameters with which every cell begins; nil for random ones. If it is
	// nil and a sweep is resumed, Claim sets it to the parameters that the sweep began
	// with.
	From *warmstart.Source
}

// New plans the cells of the experiment's grid in the directory root. If the settings do
// not allow some cells, the error lists all of them.
func New(e configs.Experiment, root string) (*Plan, error) {
	p := &Plan{Root: root, Experiment: e}
	var problems []error
	for _, seed := range e.Sweep.Seeds {
		for _, batch := range e.Sweep.BatchSizes {
			for _, condition := range e.Sweep.Conditions {
				cell := rundir.Key{Condition: condition, BatchSize: batch, Seed: seed}
				experiment, err := e.Cell(condition, batch, seed)
				if err != nil {
					problems = append(problems, fmt.Errorf("cell %s: %w", Name(cell), err))
					continue
				}
				p.Cells = append(p.Cells, Cell{
					Key: cell, Experiment: experiment,
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

// Name returns the name of a cell in messages.
func Name(c rundir.Key) string {
	return fmt.Sprintf("%s, batch %d, seed %d", c.Condition, c.BatchSize, c.Seed)
}

// Claim creates the sweep directory, locks it until release is called, and writes the
// sweep's configuration. It returns an error if the directory contains a run. If it
// contains a sweep, resume must be set, and that sweep may differ from this one only in the
// grid, and must begin with the same parameters.
func (p *Plan) Claim(resume bool) (release func() error, err error) {
	if err := p.check(resume); err != nil {
		return nil, err // before anything is created
	}
	if err := os.MkdirAll(p.Root, 0o755); err != nil {
		return nil, fmt.Errorf("make sweep directory: %w", err)
	}
	release, err = durable.Lock(p.Root)
	if err != nil {
		return nil, err
	}
	if err = p.check(resume); err == nil { // another process may have claimed it meanwhile
		err = p.describe()
	}
	if err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// check returns an error if the directory contains something else than this sweep.
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

// describe writes the sweep's configuration, from which its cells take theirs. Before that,
// it writes the initial parameters, because with its configuration the directory belongs to
// the sweep.
func (p *Plan) describe() error {
	if rundir.KindOf(p.Root) == rundir.Neither {
		if err := p.keepFrom(); err != nil {
			return err
		}
	}
	return rundir.WriteSweepConfig(p.Root, p.Experiment)
}

func (p *Plan) compatible(began configs.Experiment) error {
	now := p.Experiment
	now.Sweep = began.Sweep
	if began.Hash() == now.Hash() {
		return nil
	}
	return trainloop.NewMismatch(p.Root, began, now)
}

// Log returns the path of the file for the messages of the cell's process.
func (c Cell) Log() string { return filepath.Join(c.Dir, "train.log") }
