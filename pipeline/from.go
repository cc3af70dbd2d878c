package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"onnxlab/trainloop"
	"onnxlab/trainloop/sweep"
	"onnxlab/trainloop/warmstart"
)

// fromFlags are --from and --best: whose parameters a run begins with.
type fromFlags struct {
	from string
	best bool
}

func (f *fromFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.from, "from", "", "begin with the parameters of this run, model or checkpoint")
	cmd.Flags().BoolVar(&f.best, "best", false, "of the run in --from, take the checkpoint with the best validation accuracy, not the latest")
}

// read returns the parameters, or nil if none are given.
func (f *fromFlags) read() (*warmstart.Source, error) {
	switch {
	case f.from == "" && f.best:
		return nil, &usageError{errors.New("--best: it chooses a checkpoint of the run that --from names, which is not given")}
	case f.from == "":
		return nil, nil
	case f.best:
		return warmstart.ReadBest(f.from)
	}
	return warmstart.Read(f.from)
}

// checkFrom tells of parameters that do not fit a cell of the sweep here, and not
// in every cell. The names of its classes are known to its images alone.
func checkFrom(plan *sweep.Plan, from *warmstart.Source) error {
	checked := map[string]bool{}
	for _, c := range plan.Cells {
		key := fmt.Sprint(c.Experiment.Model)
		if from == nil || checked[key] {
			continue
		}
		checked[key] = true
		height, width := c.Experiment.Data.Sides() // on which no parameter depends
		network, err := trainloop.Network(c.Experiment, height, width)
		if err != nil {
			return err
		}
		if _, _, err := from.Fit(network, nil, c.Seed); err != nil {
			return fmt.Errorf("cell %s: %w", sweep.Name(c.Cell), err)
		}
	}
	return nil
}
