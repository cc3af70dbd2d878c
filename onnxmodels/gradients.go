package onnxmodels

import (
	"errors"

	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/gradient"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
)

// Gradients is a model that computes the loss of a network and its gradients from the images, the
// labels and the parameters. It changes nothing, and the gradients are ordinary outputs; the
// training model accumulates them where a caller cannot read them.
type Gradients struct {
	// Model has the inputs image and label, second_label and label_share if Mixes is true,
	// dropout_seed if HasDropout is true, and then Parameters by their names. Its outputs are
	// loss, correct and Outputs.
	Model *modelfile.Model
	// Image is the name of the input of images or features.
	Image string
	// Parameters are the parameters that the model takes, in the order of its inputs.
	Parameters []Parameter
	// Outputs are the names of the gradients of the trainable Parameters, in their order. Each
	// has the shape of its parameter.
	Outputs []string
	// HasDropout, Mixes, MultiLabel and Batch mean the same as in Artifacts.
	HasDropout, Mixes, MultiLabel bool
	Batch                         int
}

// gradientOutputSuffix is appended to the name of a parameter to name the output of its gradient.
const gradientOutputSuffix = ".gradient"

// Gradients differentiates the network as it is in training: BatchNorm normalises by the batch,
// and dropout drops values. Running statistics stay as they are. Only these options matter: those
// of the loss (Loss, MultiLabel, LabelSmoothing, ClassWeights, Mixes), Batch, GhostBatches,
// Target and Block. The gradients are those of the loss alone, without weight decay, in float32.
func (n *Network) Gradients(o TrainingOptions) (*Gradients, error) {
	if err := errors.Join(checkTraining(o), o.ValidateWeights(n.classes)); err != nil {
		return nil, err
	}
	o.Mixed, o.MicroBatches = false, 1
	b := newBuilder("gradients")
	b.stateless = true
	logits, label, err := n.trainingForward(b, o)
	if err != nil {
		return nil, err
	}
	loss := b.trainingLoss(logits, label, o)
	b.finish(loss, logits, label, o)
	g := &Gradients{Image: n.InputName(), Mixes: o.Mixes, MultiLabel: o.MultiLabel, Batch: o.Batch, Parameters: b.parameters, HasDropout: b.dropoutSeed != nil}
	if err := b.outputGradients(loss); err != nil {
		return nil, err
	}
	b.Prune()
	b.lower(o.Target, o.Block, n.given != nil)
	// Lowering may have put other values in the places of the outputs.
	for _, p := range g.Parameters {
		if p.Trainable {
			g.Outputs = append(g.Outputs, p.Name+gradientOutputSuffix)
		}
	}
	for i, name := range g.Outputs {
		b.Rename(b.Outputs[gradientsFrom+i], name)
	}
	g.Model, err = b.Model()
	return g, err
}

// gradientsFrom is the first output that is a gradient, after loss and correct.
const gradientsFrom = 2

// outputGradients makes the gradients with respect to the trainable parameters outputs.
func (b *Builder) outputGradients(loss *graph.Value) error {
	_, targets := b.trainable()
	b.Prefix(artifact.BackwardPrefix)
	defer b.Prefix("")
	seed := b.Reshape("seed", b.Floats("one", []int{1}, []float32{1}), b.Ints("seed.shape"), graph.Shape{})
	gradients, err := gradient.Append(b.Graph, loss, seed, targets)
	if err != nil {
		return err
	}
	seen := map[*graph.Value]bool{}
	for _, w := range targets {
		v := gradients[w]
		if seen[v] { // outputs have names of their own
			v = b.Unary("Identity", w.Name+gradientOutputSuffix, v)
		}
		seen[v] = true
		b.Output(v)
	}
	return b.Err()
}
