//go:build cgo

package session

import (
	"errors"
	"fmt"
	"slices"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
)

var errClosed = errors.New("the session is closed")

// check finds settings of the training that contradict each other or its models. ONNX
// Runtime finds most of these mistakes too, but only at the first step, and without
// naming the parameter or the setting.
func (t Training) check() error {
	m, err := modelfile.Decode(t.TrainingModel)
	if err != nil {
		return fmt.Errorf("training model: %w", err)
	}
	c, err := checkpoint.Decode(t.Checkpoint)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	input, checkInput := onnxmodels.InputImage, t.checkImage
	if t.Features > 0 {
		input, checkInput = onnxmodels.InputFeatures, t.checkFeatures
	}
	var image, drops, mixes, scales bool
	targets := 0
	for _, v := range m.GetGraph().GetInput() {
		var sizes []int // 0 for a symbol
		for _, d := range v.GetType().GetTensorType().GetShape().GetDim() {
			sizes = append(sizes, int(d.GetDimValue()))
		}
		switch name := v.GetName(); {
		case name == input:
			image = true
			err = checkInput(sizes)
		case name == onnxmodels.InputDropoutSeed:
			drops = true
		case name == onnxmodels.InputSecondLabel:
			mixes = true
		case name == onnxmodels.InputLabel && len(sizes) == 2:
			targets = sizes[1]
		case name == onnxmodels.InputLossScale:
			scales = true
		case name == onnxmodels.InputLabel, name == onnxmodels.InputLabelShare, name == onnxmodels.InputLearningRate, artifact.IsGradientInput(name):
		default:
			if p := c.Parameter(name); p == nil && artifact.IsState(name) {
				err = fmt.Errorf("the checkpoint has no %q, which is part of the optimizer's state (Artifacts.Complete adds it)", name)
			} else if p == nil {
				err = fmt.Errorf("the checkpoint has no parameter %q: it is of another network", name)
			} else if !slices.Equal(p.Shape, sizes) {
				err = fmt.Errorf("parameter %q: the checkpoint's shape %v is not the training model's %v", name, p.Shape, sizes)
			}
		}
		if err != nil {
			return err
		}
	}
	switch {
	case !image:
		return fmt.Errorf("the training model has no input %q", input)
	case drops != t.HasDropout:
		return fmt.Errorf("the training model %s, but HasDropout is %t", hasInput(onnxmodels.InputDropoutSeed, drops), t.HasDropout)
	case targets != t.Targets:
		return fmt.Errorf("the training model takes targets of %d classes in %q (0 means labels), but Targets is %d", targets, onnxmodels.InputLabel, t.Targets)
	case mixes != t.Mixes:
		return fmt.Errorf("the training model %s, but Mixes is %t", hasInput(onnxmodels.InputSecondLabel, mixes), t.Mixes)
	case scales != (t.LossScale != nil):
		return fmt.Errorf("the training model %s, but LossScale is nil: %t", hasInput(onnxmodels.InputLossScale, scales), t.LossScale == nil)
	}
	return nil
}

// hasInput says in an error whether the training model has the input.
func hasInput(name string, has bool) string {
	if has {
		return fmt.Sprintf("has the input %q", name)
	}
	return fmt.Sprintf("has no input %q", name)
}

// checkImage compares the sizes of the training model's image input, [batch, height, width,
// channels], with the size of the training's images. The batch is 0 if it is not fixed.
func (t Training) checkImage(sizes []int) error {
	if len(sizes) != 4 || sizes[1] != t.Height || sizes[2] != t.Width || sizes[3] != t.Channels {
		return fmt.Errorf("images of %dx%d pixels in %d channels, but the training model takes %v", t.Height, t.Width, t.Channels, sizes)
	}
	return t.checkMicroBatch(sizes[0])
}

// checkFeatures compares the sizes of the training model's feature input, [batch, features],
// with the number of features of the training.
func (t Training) checkFeatures(sizes []int) error {
	if len(sizes) != 2 || sizes[1] != t.Features {
		return fmt.Errorf("%d features for each image, but the training model takes %v", t.Features, sizes)
	}
	return t.checkMicroBatch(sizes[0])
}

// checkMicroBatch compares the batch size of the training model, 0 if it is not fixed, with the
// training's micro-batches.
func (t Training) checkMicroBatch(size int) error {
	if size != 0 && size != t.MicroBatch {
		return fmt.Errorf("micro-batches of %d images, but the training model takes %d at once", t.MicroBatch, size)
	}
	return nil
}

// checkStep refuses mistakes that would spoil the parameters silently: a learning rate that is
// negative or NaN, and labels below 0, which ONNX would leave out of the loss.
func checkStep(labels []int64, rate float64) error {
	if !(rate >= 0) {
		return fmt.Errorf("learning rate %v: it must be 0 or greater", rate)
	}
	for i, label := range labels {
		if label < 0 {
			return fmt.Errorf("image %d: label %d is below 0", i, label)
		}
	}
	return nil
}

// checkMixed does the same for the second labels and their shares.
func checkMixed(second []int64, shares []float32) error {
	for i, share := range shares {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("image %d: share %v of its label is outside 0..1", i, share)
		}
		if second[i] < 0 {
			return fmt.Errorf("image %d: second label %d is below 0", i, second[i])
		}
	}
	return nil
}

func (o Options) check() error {
	if err := o.Device.Check(); err != nil {
		return fmt.Errorf("runtime.device: %w", err)
	}
	return nil
}
