package snapshot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
)

const statisticsFile = "statistics"

// WriteStatistics adds recalibrated running statistics to the snapshot.
func (p *Pending) WriteStatistics(statistics []checkpoint.Tensor) error {
	return checkpoint.Write(filepath.Join(p.tmp, statisticsFile), &checkpoint.Checkpoint{Frozen: statistics})
}

// Parameters returns what Parameters will return for the finished snapshot.
func (p *Pending) Parameters() (*checkpoint.Checkpoint, error) { return Parameters(p.tmp) }

// Parameters returns the parameters of the snapshot at path with which models are exported
// and evaluated: those of its checkpoint, with averages of parameters and recalibrated running
// statistics in place of the originals, if there are any. Training resumes from the checkpoint
// itself.
func Parameters(path string) (*checkpoint.Checkpoint, error) {
	c, err := checkpoint.Read(CheckpointPath(path))
	if err != nil {
		return nil, err
	}
	c = artifact.Averaged(c)
	measured, err := checkpoint.Read(filepath.Join(path, statisticsFile))
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	for _, s := range measured.Frozen {
		t := c.Parameter(s.Name)
		if t == nil || !slices.Equal(t.Shape, s.Shape) {
			return nil, fmt.Errorf("snapshot %q: statistics %q of shape %v are not in its checkpoint", path, s.Name, s.Shape)
		}
		t.Data = s.Data
	}
	return c, nil
}
