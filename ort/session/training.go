//go:build cgo

package session

import (
	"errors"
	"fmt"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/lossscale"
)

// complete fills in the fields that follow from the network and its artifacts, and checks
// that micro-batches divide the batch.
func (t *Training) complete() error {
	if (t.Network == nil) != (t.Artifacts == nil) {
		return errors.New("only one of Network and Artifacts is set: set both or neither")
	}
	if t.Artifacts != nil {
		if err := t.fillIn(); err != nil {
			return err
		}
	}
	if t.Channels == 0 {
		t.Channels = 3
	}
	if t.MicroBatch == 0 {
		t.MicroBatch = t.BatchSize
	}
	switch {
	case t.MicroBatch < 1 || t.BatchSize%t.MicroBatch != 0:
		return fmt.Errorf("micro-batches of %d images do not divide a batch of %d", t.MicroBatch, t.BatchSize)
	case t.Artifacts != nil && t.BatchSize/t.MicroBatch != t.Artifacts.MicroBatches:
		return fmt.Errorf("a batch of %d images has %d micro-batches of %d, but the artifacts are for %d (TrainingOptions.MicroBatches)",
			t.BatchSize, t.BatchSize/t.MicroBatch, t.MicroBatch, t.Artifacts.MicroBatches)
	}
	return nil
}

// fillIn fills in fields that are empty.
func (t *Training) fillIn() (err error) {
	a := t.Artifacts
	for _, f := range []struct {
		to    *[]byte
		model *modelfile.Model
	}{{&t.TrainingModel, a.Training}, {&t.OptimizerModel, a.Optimizer}} {
		if *f.to != nil {
			continue
		}
		if *f.to, err = modelfile.Marshal(f.model); err != nil {
			return err
		}
	}
	if t.Checkpoint == nil {
		t.Checkpoint = checkpoint.Encode(t.Network.Initialize(1))
	}
	if t.Checkpoint, err = completed(a, t.Checkpoint); err != nil {
		return err
	}
	if a.Mixed && t.LossScale == nil {
		t.LossScale = lossscale.New()
	}
	t.HasDropout, t.Mixes, t.Features = a.HasDropout, a.Mixes, t.Network.Features()
	if a.MultiLabel {
		t.Targets = t.Network.Classes()
	}
	if t.Height == 0 && t.Width == 0 {
		t.Height, t.Width = t.Network.Size()
	}
	if t.Channels == 0 {
		t.Channels = t.Network.Channels()
	}
	if t.MicroBatch == 0 {
		t.MicroBatch = a.Batch
	}
	switch {
	case t.BatchSize == 0:
		t.BatchSize = t.MicroBatch * a.MicroBatches
	case t.MicroBatch == 0:
		t.MicroBatch = t.BatchSize / a.MicroBatches
	}
	if t.BatchSize == 0 {
		return errors.New("BatchSize is 0, but the artifacts take any number of images: set it")
	}
	return nil
}

// completed returns the bytes of a checkpoint with the optimizer's state. The checkpoint of
// a resumed run has it already.
func completed(a *onnxmodels.Artifacts, state []byte) ([]byte, error) {
	if len(a.State) == 0 {
		return state, nil
	}
	c, err := checkpoint.Decode(state)
	if err != nil {
		return nil, err
	}
	return checkpoint.Encode(a.Complete(c)), nil
}
