//go:build cgo

package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"onnxlab/dataset"
	"onnxlab/dataset/evaluation"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
)

// Evaluate classifies every image of the set with the current parameters of the network,
// which it does not change. The network runs as an exported model does: without dropout, and
// with its running statistics folded into the convolutions. The set must have images of the
// network's size and as many classes. A training without a Network cannot be evaluated.
//
// It makes a session of its own on the trainer's device, which takes a fraction of a second:
// call it at the end of an epoch, not after each step.
func (t *Trainer) Evaluate(ctx context.Context, set *dataset.Set) (_ *evaluation.Report, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("evaluate: %w", err)
		}
	}()
	model, err := t.exported(set)
	if err != nil {
		return nil, err
	}
	m, err := NewModel(model, t.options)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	return evaluation.RunLoss(ctx, m, evaluation.Loss(t.network.Loss()), set)
}

// exported returns the network as an inference model that is fast on the trainer's device.
// It returns an error if the network cannot classify the images of the set.
func (t *Trainer) exported(set *dataset.Set) ([]byte, error) {
	if t.session == nil {
		return nil, errClosed
	}
	if t.network == nil {
		return nil, errors.New("the training was given as bytes alone: set Training.Network and Training.Artifacts")
	}
	if t.network.Features() > 0 {
		return nil, errors.New("the network takes features instead of images")
	}
	height, width := t.network.Size()
	if h, w := set.Size(); h != height || w != width {
		return nil, fmt.Errorf("images of %dx%d pixels, but the network takes %dx%d", h, w, height, width)
	}
	if c := set.Channels(); c != t.network.Channels() {
		return nil, fmt.Errorf("images of %d channels, but the network takes %d", c, t.network.Channels())
	}
	if len(set.Classes) != t.network.Classes() {
		return nil, fmt.Errorf("the set has %d classes, the network %d", len(set.Classes), t.network.Classes())
	}
	state, err := t.state()
	if err != nil {
		return nil, err
	}
	o := onnxmodels.InferenceOptions{Classes: set.Classes, Target: t.options.Device.Traits().Target, Block: Block()}
	m, err := t.network.Inference(state, o)
	if err != nil {
		return nil, err
	}
	return modelfile.Marshal(m)
}

// state returns the parameters. ONNX Runtime can only write them to a file.
func (t *Trainer) state() (_ *checkpoint.Checkpoint, err error) {
	dir, err := os.MkdirTemp("", "onnxlab-evaluate-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, artifact.CheckpointFile)
	if err := t.Save(path); err != nil {
		return nil, err
	}
	return checkpoint.Read(path)
}
