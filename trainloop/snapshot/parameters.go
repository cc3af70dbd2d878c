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

// WriteStatistics adds statistics that were measured anew.
func (p *Pending) WriteStatistics(statistics []checkpoint.Tensor) error {
	return checkpoint.Write(filepath.Join(p.tmp, statisticsFile), &checkpoint.Checkpoint{Frozen: statistics})
}

// Parameters is that of the snapshot which this will be.
func (p *Pending) Parameters() (*checkpoint.Checkpoint, error) { return Parameters(p.tmp) }

// Parameters returns the parameters of the snapshot at path as models are made of them:
// those of its checkpoint, but for averages of parameters, which take their place, and
// running statistics that were measured anew. Training goes on from the checkpoint itself.
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
