package artifact

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
)

// The names of the files of training artifacts.
const (
	TrainingModelFile  = "training_model.onnx"
	EvalModelFile      = "eval_model.onnx"
	OptimizerModelFile = "optimizer_model.onnx"
	CheckpointFile     = "checkpoint"
)

// Artifacts are the models that ONNX Runtime's training API runs.
type Artifacts struct {
	// Training computes the loss and accumulates the gradients; its inputs are
	// image, label and learning_rate, which scales the gradients, and
	// dropout_seed if the network drops.
	Training *modelfile.Model
	// Image is the name of the input of images: "image", except of given models that
	// keep their own input.
	Image string
	// Eval computes loss and correct without training.
	Eval *modelfile.Model
	// Logits names the value of Eval that is the network's output, float32 [batch,
	// classes], before softmax: "dense.out" if its last layer is Dense("dense", …).
	// It is no output of Eval, but what ONNX Runtime is told to export a trained
	// model with (ExportModelForInferencing).
	Logits string
	// Optimizer applies the accumulated gradients, or the step that the training model
	// has made of them.
	Optimizer *modelfile.Model
	// State are the tensors that the training model remembers from step to step for
	// the optimizer, as they are before the first: zeros, but for averages of parameters,
	// which begin as these. A checkpoint has them among
	// its frozen parameters ([Artifacts.Complete]), with names that begin with
	// StatePrefix. Momentum SGD has none: ONNX Runtime keeps its velocity.
	State []checkpoint.Tensor
	// Drops tells that Training has the input dropout_seed.
	Drops bool
	// Mixes tells that Training has the inputs second_label and label_share.
	Mixes bool
	// MultiLabel tells that the label is float32 [batch, classes].
	MultiLabel bool
	// Mixed tells that Training has the input loss_scale.
	Mixed bool
	// Batch and MicroBatches are those of the options: how many images Training takes
	// at once, 0 for any number, and how many of these micro-batches make a step.
	Batch, MicroBatches int
}

// Write writes the artifacts and the checkpoint into dir, which is made if it
// does not exist, under their usual names. The checkpoint is one of the network's; the
// optimizer's state begins anew if it has none.
func (a *Artifacts) Write(dir string, c *checkpoint.Checkpoint) error {
	c = a.Complete(c)
	if err := a.fits(c); err != nil {
		return fmt.Errorf("write training artifacts: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write training artifacts: %w", err)
	}
	for name, m := range map[string]*modelfile.Model{
		TrainingModelFile: a.Training, EvalModelFile: a.Eval, OptimizerModelFile: a.Optimizer,
	} {
		if err := modelfile.Write(filepath.Join(dir, name), m); err != nil {
			return err
		}
	}
	return checkpoint.Write(filepath.Join(dir, CheckpointFile), c)
}

// fits tells whether the checkpoint has the evaluation model's parameters.
func (a *Artifacts) fits(c *checkpoint.Checkpoint) error {
	if c == nil {
		return errors.New("there is no checkpoint (Network.Initialize makes one)")
	}
	for _, v := range a.Eval.GetGraph().GetInput() {
		name := v.GetName()
		if name == a.Image || name == InputLabel {
			continue
		}
		if t, want := c.Parameter(name), modelfile.Sizes(v); t == nil || !slices.Equal(t.Shape, want) {
			return fmt.Errorf("the checkpoint has no parameter %q of shape %v: it is of another network", name, want)
		}
	}
	return nil
}

// Complete returns the checkpoint with the optimizer's state, as it is before the first
// step, where it has none; averages of parameters begin as these are. It leaves c as it is.
func (a *Artifacts) Complete(c *checkpoint.Checkpoint) *checkpoint.Checkpoint {
	if c == nil {
		return nil
	}
	complete := *c
	complete.Frozen = slices.Clone(c.Frozen)
	for _, t := range a.State {
		if c.Parameter(t.Name) == nil {
			if p := c.Parameter(AveragedName(t.Name)); p != nil {
				t.Data = p.Data
			}
			t.Data = slices.Clone(t.Data)
			complete.Frozen = append(complete.Frozen, t)
		}
	}
	return &complete
}
