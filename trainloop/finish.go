package trainloop

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"os"

	"onnxlab/internal/durable"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// finish exports the model and writes the summary, which makes the run
// complete.
func (r *run) finish() (rundir.Summary, error) {
	_, path, _, err := snapshot.Latest(r.layout.Checkpoints())
	if err != nil {
		return rundir.Summary{}, err
	}
	model, err := inferenceModel(r.network, snapshot.CheckpointPath(path), r.Validation.Classes)
	if err != nil {
		return rundir.Summary{}, err
	}
	if err := durable.WriteBytes(r.layout.Model(), model); err != nil {
		return rundir.Summary{}, err
	}
	s := rundir.Summarize(r.history)
	s.Name, s.Seed, s.BatchSize = r.Experiment.Name, r.Experiment.Seed, r.Experiment.Train.BatchSize
	if c := r.Experiment.Sweep.Conditions; len(c) == 1 {
		s.Condition = c[0]
	}
	s.Parameters, _ = r.network.Count()
	sum := sha256.Sum256(model)
	s.ModelSHA256 = hex.EncodeToString(sum[:])
	if err := rundir.WriteSummary(r.Dir, s); err != nil {
		return rundir.Summary{}, err
	}
	return s, rundir.ClearFailure(r.Dir)
}

// inferenceModel returns the network with the parameters of a checkpoint file,
// in the form in which runs export it.
func inferenceModel(n *onnxmodels.Network, path string, classes []string) ([]byte, error) {
	c, err := checkpoint.Read(path)
	if err != nil {
		return nil, err
	}
	m, err := n.Inference(c, onnxmodels.InferenceOptions{Classes: classes})
	if err != nil {
		return nil, err
	}
	return onnxmodels.Marshal(m)
}

// lastFinite returns the latest snapshot in dir whose parameters are all
// finite numbers, or "".
func lastFinite(dir string) string {
	paths, err := snapshot.List(dir)
	if err != nil {
		return ""
	}
	for _, path := range paths {
		if _, err := os.Stat(snapshot.CheckpointPath(path)); err != nil {
			continue
		}
		c, err := checkpoint.Read(snapshot.CheckpointPath(path))
		if err == nil && finite(c) {
			return path
		}
	}
	return ""
}

func finite(c *checkpoint.Checkpoint) bool {
	for _, list := range [][]checkpoint.Tensor{c.Trainable, c.Frozen} {
		for _, t := range list {
			for _, v := range t.Data {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					return false
				}
			}
		}
	}
	return true
}
