package trainloop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/verify"
	"onnxlab/ort/session"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// finish exports the model and writes the summary, which marks the run as complete.
func (r *run) finish() (rundir.Summary, error) {
	if _, err := r.saver.wait(); err != nil {
		return rundir.Summary{}, err
	}
	path, err := trainedSnapshot(r.layout, r.Experiment.Train, r.history)
	if err != nil {
		return rundir.Summary{}, err
	}
	parameters, err := snapshot.Parameters(path)
	if err != nil {
		return rundir.Summary{}, err
	}
	model, err := InferenceModel(r.network, parameters, r.Validation.Classes, onnxmodels.TargetPortable)
	if err != nil {
		return rundir.Summary{}, err
	}
	if err := durable.WriteBytes(r.layout.Model(), model); err != nil {
		return rundir.Summary{}, err
	}
	if err := r.writeFineTuned(parameters); err != nil {
		return rundir.Summary{}, err
	}
	verification, err := r.verify(model)
	if err != nil {
		return rundir.Summary{}, err
	}
	s := rundir.Summarize(r.history)
	summarizeCourse(&s, r.Experiment.Train, r.history)
	s.Name, s.Seed, s.BatchSize = r.Experiment.Name, r.Experiment.Seed, r.Experiment.Train.BatchSize
	if c := r.Experiment.Sweep.Conditions; len(c) == 1 {
		s.Condition = c[0]
	}
	s.Parameters, _ = r.network.Count()
	if l := r.at.LossScale; l != nil {
		s.SkippedSteps = l.Skipped
	}
	r.summarizeStatistics(&s)
	sum := sha256.Sum256(model)
	s.ModelSHA256, s.Verification = hex.EncodeToString(sum[:]), verification
	if err := rundir.WriteSummary(r.Dir, s); err != nil {
		return rundir.Summary{}, err
	}
	return s, rundir.ClearFailure(r.Dir)
}

// writeFineTuned writes the parameters back into the given model, if there is one.
func (r *run) writeFineTuned(parameters *checkpoint.Checkpoint) error {
	if r.Experiment.Model.Kind != configs.KindONNX {
		return nil
	}
	height, width := r.Train.Size()
	return WriteFineTuned(r.layout.FineTuned(), r.Experiment.Model, height, width, parameters)
}

// verifiedSamples is the number of validation images on which the two runtimes are compared
// at the end of each run. A wrong operator or parameter shows on any image, so a few are
// enough, and take a fraction of a second.
const verifiedSamples = 4

// verify compares ONNX Runtime with pure Go on the exported model, always on the CPU. If
// they disagree, the run fails: its model is written, but cannot be trusted.
func (r *run) verify(data []byte) (*rundir.Verification, error) {
	failed := func(err error) error {
		return fmt.Errorf("verify %q: %w (pipeline verify --layers --model FILE shows where)", r.layout.Model(), err)
	}
	model, err := interp.New(data)
	if err != nil {
		return nil, failed(err)
	}
	ctx := context.Background() // the run is done, and this takes less than a second
	images, err := r.Validation.ReadImages(ctx, 0, min(verifiedSamples, r.Validation.Len()), nil)
	if err != nil {
		return nil, failed(err)
	}
	inORT, err := session.Outputs(ctx, data, model, images, session.Options{Threads: r.options.Threads})
	if err != nil {
		return nil, failed(err)
	}
	own, err := verify.Run(ctx, model, images)
	if err != nil {
		return nil, failed(err)
	}
	tolerance, err := r.toleranceOf(data)
	if err != nil {
		return nil, failed(err)
	}
	report, err := verify.Compare(inORT, own, tolerance)
	if err == nil {
		err = report.Err()
	}
	if err != nil {
		return nil, failed(err)
	}
	return &rundir.Verification{
		Samples: report.Samples, LargestDifference: report.Probabilities.Largest, Tolerance: report.Tolerance,
	}, nil
}

// toleranceOf returns the largest difference between the two runtimes that is accepted for
// the exported model.
func (r *run) toleranceOf(data []byte) (float64, error) {
	if r.tolerance > 0 {
		return r.tolerance, nil
	}
	m, err := modelfile.Decode(data)
	return verify.ToleranceOfDepth(m), err
}

// lastFinite returns the latest snapshot in dir whose parameters are all finite; "" if
// there is none.
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
