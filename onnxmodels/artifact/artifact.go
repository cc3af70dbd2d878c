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
	// Training computes the loss and accumulates the gradients. Its inputs are
	// image, label and learning_rate, which scales the gradients, and
	// dropout_seed if the network has dropout.
	Training *modelfile.Model
	// Image is the name of the input of images: "image", except for given models
	// that keep their own input.
	Image string
	// Eval computes loss and correct without training.
	Eval *modelfile.Model
	// Logits is the name of the value of Eval that is the network's output, float32
	// [batch, classes], before softmax: "dense.out" if its last layer is
	// Dense("dense", …). It is not an output of Eval. Pass it to ONNX Runtime's
	// ExportModelForInferencing to export a trained model.
	Logits string
	// Optimizer applies the accumulated gradients, or the step that the training model
	// has computed from them.
	Optimizer *modelfile.Model
	// State holds the optimizer's state that is part of the training model, with its
	// values before the first step: zeros, except that averages of parameters start at
	// the values of the parameters. A checkpoint has these tensors among its
	// frozen parameters ([Artifacts.Complete]), with names that begin with
	// StatePrefix. Momentum SGD has none: ONNX Runtime keeps its velocity.
	State []checkpoint.Tensor
	// HasDropout says that Training has the input dropout_seed.
	HasDropout bool
	// Mixes says that Training has the inputs second_label and label_share.
	Mixes bool
	// MultiLabel says that the label is float32 [batch, classes].
	MultiLabel bool
	// Mixed says that Training has the input loss_scale.
	Mixed bool
	// Batch and MicroBatches are copied from the options: the number of images that
	// Training takes at once, 0 for any number, and the number of micro-batches in a step.
	Batch, MicroBatches int
}

// Write writes the artifacts and the checkpoint into dir under their usual names. It creates dir
// if it does not exist. The checkpoint must belong to the network. If it has no optimizer state,
// the state before the first step is added.
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

// fits returns an error if the checkpoint lacks a parameter of the evaluation model.
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

// Complete returns a copy of the checkpoint in which missing tensors of the optimizer's state are
// added, with their values before the first step: zeros, or for averages of parameters the values
// of the parameters.
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
