//go:build cgo

package session

import (
	"errors"
	"fmt"
)

// TargetBatch is Batch for a trainer that takes targets [batch, classes].
func (t *Trainer) TargetBatch() (images []uint8, targets []float32) {
	if t.session == nil || t.image == nil || t.targets == nil {
		return nil, nil
	}
	if t.count == 1 {
		return t.image.GetData(), t.targets.GetData()
	}
	return make([]uint8, t.count*len(t.image.GetData())), make([]float32, t.count*len(t.targets.GetData()))
}

// StepTargets is Step for images that may have several classes: targets are float32
// [BatchSize, classes], 1 for the classes that an image has and 0 for the others, or values
// in between if images are mixed.
func (t *Trainer) StepTargets(images []uint8, targets []float32, rate float64, dropoutSeed uint64) (Result, error) {
	switch {
	case t.session == nil:
		return Result{}, fmt.Errorf("train step: %w", errClosed)
	case t.targets == nil || t.image == nil:
		return Result{}, errors.New("train step: the training model does not take images with targets")
	}
	size, classes := len(t.image.GetData()), len(t.targets.GetData())
	if len(images) != t.count*size || len(targets) != t.count*classes {
		return Result{}, fmt.Errorf("train step: %d bytes of images and %d targets, want %d and %d",
			len(images), len(targets), t.count*size, t.count*classes)
	}
	if err := errors.Join(checkStep(nil, rate), checkTargets(targets, classes/t.micro)); err != nil {
		return Result{}, fmt.Errorf("train step: %w", err)
	}
	feed := func(i int) {
		if to := t.image.GetData(); &to[0] != &images[i*size] {
			copy(to, images[i*size:])
		}
		copy(t.targets.GetData(), targets[i*classes:])
	}
	var r Result
	err := t.thread.do(func() (err error) {
		r, err = t.step(feed, rate, dropoutSeed)
		return err
	})
	return r, err
}

// checkTargets refuses targets [images, classes] outside 0..1.
func checkTargets(targets []float32, classes int) error {
	for i, x := range targets {
		if !(x >= 0 && x <= 1) {
			return fmt.Errorf("image %d: target %v of class %d is outside 0..1", i/classes, x, i%classes)
		}
	}
	return nil
}
