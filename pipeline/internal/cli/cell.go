package cli

import (
	"fmt"
	"strconv"
	"strings"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// CellFlag writes a cell in the format of the flag --cell.
func CellFlag(c rundir.Key) string {
	return fmt.Sprintf("%s:%d:%d", c.Condition, c.BatchSize, c.Seed)
}

// ParseCell reads the flag --cell, which CellFlag writes. The error is one of bad usage.
func ParseCell(flag string) (c rundir.Key, err error) {
	parts := strings.Split(flag, ":")
	if len(parts) != 3 {
		return c, BadUsagef("--cell %q: want condition:batch:seed", flag)
	}
	c.Condition = parts[0]
	if c.BatchSize, err = strconv.Atoi(parts[1]); err == nil {
		c.Seed, err = strconv.ParseUint(parts[2], 10, 64)
	}
	if err != nil {
		return c, BadUsagef("--cell %q: %w", flag, err)
	}
	return c, nil
}

// CellExperiment returns the experiment of the cell that --cell names, in the sweep
// whose directory is root.
func CellExperiment(root, flag string) (*configs.Experiment, error) {
	c, err := ParseCell(flag)
	if err != nil {
		return nil, err
	}
	e, err := rundir.ReadConfig(root)
	if err != nil {
		return nil, BadData(err)
	}
	cell, err := e.Cell(c.Condition, c.BatchSize, c.Seed)
	return &cell, err
}
