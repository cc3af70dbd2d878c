package cli

import (
	"fmt"
	"strconv"
	"strings"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// CellFlag is a cell as the flag --cell takes it.
func CellFlag(c rundir.Cell) string {
	return fmt.Sprintf("%s:%d:%d", c.Condition, c.BatchSize, c.Seed)
}

// CellExperiment is the experiment of the cell that --cell names, in the sweep
// whose directory is root.
func CellExperiment(root, flag string) (*configs.Experiment, error) {
	parts := strings.Split(flag, ":")
	if len(parts) != 3 {
		return nil, BadUsagef("--cell %q: want condition:batch:seed", flag)
	}
	batch, err := strconv.Atoi(parts[1])
	if err != nil {
		return nil, BadUsagef("--cell %q: %w", flag, err)
	}
	seed, err := strconv.ParseUint(parts[2], 10, 64)
	if err != nil {
		return nil, BadUsagef("--cell %q: %w", flag, err)
	}
	e, err := rundir.ReadConfig(root)
	if err != nil {
		return nil, BadData(err)
	}
	cell, err := e.Cell(parts[0], batch, seed)
	return &cell, err
}
