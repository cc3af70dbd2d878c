// Command record trains with training artifacts in Go. It writes the inputs and
// the results to files, so that run.py can do the same in Python and compare:
//
//	record -config F [-set section.key=value]… -artifacts DIR -out DIR -steps N
//
// It writes into the folder of -out:
//
//	record.json    the sizes, and the losses, correct images and learning rates of each step
//	images.u8      uint8 [steps, batch, height, width, 3]
//	labels.i64     int64 [steps, batch]
//	saved          the checkpoint after half of the steps, as ONNX Runtime wrote it
//	rewritten      the same after package checkpoint read it and wrote it
//	last           the checkpoint after the last step
//	logits.f32     the logits of the first batch with it: float32 [batch, classes]
//
// and of each form of inference model, such as folded-uint8-nhwc, with the
// parameters after the last step, and for n of 1 and 32 images:
//
//	FORM.onnx             the model
//	FORM-n.session.f32    its outputs for the first n images in ONNX Runtime:
//	                      float32, logits and probabilities [2, n, classes]
//	FORM-n.interp.f32      its outputs in pure Go
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/synthetic"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/ort/session"
	"onnxlab/trainloop"
	"onnxlab/trainloop/schedule"
)

type options struct {
	config, artifacts, out string
	sets                   []string
	steps                  int
}

// report is record.json.
type report struct {
	Steps      int       `json:"steps"`
	SavedAfter int       `json:"saved_after"`
	Batch      int       `json:"batch"`
	MicroBatch int       `json:"micro_batch"`
	Height     int       `json:"height"`
	Width      int       `json:"width"`
	Classes    int       `json:"classes"`
	Loss       string    `json:"loss"`
	Rates      []float64 `json:"rates"`
	Losses     []float64 `json:"losses"`
	Correct    []int     `json:"correct"`
}

func main() {
	var o options
	flag.StringVar(&o.config, "config", "", "experiment, a YAML file")
	flag.StringVar(&o.artifacts, "artifacts", "", "folder of the training artifacts")
	flag.StringVar(&o.out, "out", "", "folder to write into")
	flag.IntVar(&o.steps, "steps", 12, "number of optimizer steps")
	flag.Func("set", "override one setting, section.key=value (repeatable)", func(s string) error {
		o.sets = append(o.sets, s)
		return nil
	})
	flag.Parse()
	log.SetFlags(0)
	if err := run(context.Background(), o); err != nil {
		log.Fatalf("record: %v", err)
	}
}

func run(ctx context.Context, o options) (err error) {
	e, err := configs.Load(o.config, o.sets)
	if err != nil {
		return err
	}
	batch := e.Train.BatchSize
	set, _, err := synthetic.Draw(ctx, synthetic.Seed, o.steps*batch, 0)
	if err != nil {
		return err
	}
	if err := session.Open(ctx, session.LibraryOptions{Library: e.Runtime.Library, Progress: os.Stderr}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()

	network, err := trainloop.Network(*e, set.Height, set.Width)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	r := report{
		Steps: o.steps, SavedAfter: o.steps / 2, Batch: batch, MicroBatch: trainloop.MicroBatch(*e),
		Height: set.Height, Width: set.Width, Classes: network.Classes(), Loss: e.Train.Loss,
	}
	if err := train(&r, o, e, set); err != nil {
		return err
	}
	if err := infer(ctx, o.out, network, set, batch); err != nil {
		return err
	}
	return r.write(o.out, set)
}

// train runs the steps, fills in r and leaves the checkpoints saved, rewritten
// and last.
func train(r *report, o options, e *configs.Experiment, set *dataset.Set) (err error) {
	rates, err := schedule.New(*e, o.steps)
	if err != nil {
		return err
	}
	trainer, err := newTrainer(*r, o.artifacts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, trainer.Close()) }()
	for step := range r.Steps {
		if step == r.SavedAfter {
			if err := save(trainer, o.out); err != nil {
				return err
			}
		}
		rate := rates.Rate(step)
		if e.Optimizer.HoldsRates() {
			rate = 1 // the optimizer model holds the rates
		}
		images, labels := batchOf(set, step, r.Batch)
		result, err := trainer.Step(images, labels, rate, 0)
		if err != nil {
			return err
		}
		r.Rates, r.Losses, r.Correct = append(r.Rates, rate), append(r.Losses, result.Loss), append(r.Correct, result.Correct)
	}
	return trainer.Save(filepath.Join(o.out, "last"))
}

func newTrainer(r report, dir string) (*session.Trainer, error) {
	t := session.Training{Height: r.Height, Width: r.Width, BatchSize: r.Batch, MicroBatch: r.MicroBatch}
	for name, data := range map[string]*[]byte{
		artifact.TrainingModelFile:  &t.TrainingModel,
		artifact.OptimizerModelFile: &t.OptimizerModel,
		artifact.CheckpointFile:     &t.Checkpoint,
	} {
		var err error
		if *data, err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return session.NewTrainer(t, session.Options{})
}

func batchOf(set *dataset.Set, step, batch int) ([]uint8, []int64) {
	labels := make([]int64, batch)
	for i := range labels {
		labels[i] = int64(set.Label(step*batch + i))
	}
	return set.Images(step*batch, (step+1)*batch), labels
}

// save writes the checkpoint as ONNX Runtime does, and once more as package
// checkpoint does after reading it.
func save(t *session.Trainer, dir string) error {
	saved := filepath.Join(dir, "saved")
	if err := t.Save(saved); err != nil {
		return err
	}
	c, err := checkpoint.Read(saved)
	if err != nil {
		return err
	}
	return checkpoint.Write(filepath.Join(dir, "rewritten"), c)
}

func (r report) write(dir string, set *dataset.Set) error {
	var all []int64
	for step := range r.Steps {
		_, labels := batchOf(set, step, r.Batch)
		all = append(all, labels...)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		writeRaw(dir, "images.u8", set.Images(0, len(all))),
		writeRaw(dir, "labels.i64", all),
		os.WriteFile(filepath.Join(dir, "record.json"), append(text, '\n'), 0o644),
	)
}

// writeRaw writes the values one after the other, little-endian.
func writeRaw(dir, name string, values any) error {
	data, err := binary.Append(nil, binary.LittleEndian, values)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(dir, name), data, 0o644)
}
