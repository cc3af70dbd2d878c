package trainloop

import (
	"context"
	"errors"
	"time"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/sysmem"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/session"
	"onnxlab/trainloop/snapshot"
)

// Prepared has what the first training step of an experiment needs.
type Prepared struct {
	// Network is the network that is trained: the experiment's network or, with
	// train.cache_features, the layers above the frozen ones.
	Network *onnxmodels.Network
	// Artifacts has the training models. If the experiment takes the class weights from the
	// training images, the weights in it are 1, which does not change the cost of a step.
	Artifacts *onnxmodels.Artifacts
	// State has the parameters drawn with the experiment's seed, including those of frozen
	// layers.
	State *checkpoint.Checkpoint

	experiment configs.Experiment
}

// Prepare makes what training on images of height x width pixels needs, in the form for the
// target, one of onnxmodels.Targets or TargetNative. If there is not enough memory for a
// batch, the error is a *SettingError.
func Prepare(e configs.Experiment, height, width int, target string) (*Prepared, error) {
	network, err := Network(e, height, width)
	if err != nil {
		return nil, err
	}
	cut, err := cutFor(e, network)
	if err != nil {
		return nil, err
	}
	p := &Prepared{Network: trained(network, cut), experiment: e}
	if err := checkMemory(p.Network, e, target, sysmem.Available()); err != nil {
		return nil, err
	}
	if p.Artifacts, err = Artifacts(p.Network, evenlyWeighed(e), 1, target); err != nil {
		return nil, err
	}
	p.State = network.Initialize(e.Seed)
	return p, nil
}

// NewTrainer opens a training session.
func (p *Prepared) NewTrainer() (*session.Trainer, error) {
	return newTrainer(p.experiment, p.Network, p.Artifacts, snapshot.Manifest{}, checkpoint.Encode(p.State))
}

// Steps does the training steps of an experiment as Run does them, epoch after epoch,
// without evaluating and saving in between.
type Steps struct {
	steps *steps
	done  int
}

// NewSteps returns the steps on the images, starting with the first. It reads all images
// into memory and, with train.cache_features, computes the features, so that Next does
// neither.
func NewSteps(ctx context.Context, e configs.Experiment, train *dataset.Set) (*Steps, error) {
	e = withClasses(e, train)
	if err := checkTraining(e, train); err != nil {
		return nil, err
	}
	network, err := networkFor(e, train)
	if err != nil {
		return nil, err
	}
	cut, err := cutFor(e, network)
	if err != nil {
		return nil, err
	}
	target := e.Runtime.Device.Traits().Target
	if err := checkMemory(trained(network, cut), e, target, sysmem.Available()); err != nil {
		return nil, err
	}
	state := checkpoint.Encode(network.Initialize(e.Seed))
	if cut != nil {
		f, err := newFeatures(ctx, e, cut, state, train, nil)
		if err != nil {
			return nil, err
		}
		s, err := f.steps(e, snapshot.Manifest{}, state, target)
		if err != nil {
			return nil, err
		}
		return &Steps{steps: s}, nil
	}
	s, err := newSteps(e, train, network, snapshot.Manifest{}, state, target)
	if err != nil {
		return nil, err
	}
	if err := train.Draw(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &Steps{steps: s}, nil
}

// Next does one step and returns how long it waited for its batch. If the loss is not
// finite, the error is a *Diverged.
func (s *Steps) Next(ctx context.Context) (result session.Result, wait time.Duration, err error) {
	if result, wait, err = s.steps.optimize(ctx, s.done); err != nil {
		return result, wait, err
	}
	if !isFinite(result.Loss) {
		return result, wait, &Diverged{
			Step: s.done, Epoch: s.done / s.PerEpoch(), Loss: result.Loss, Rate: s.steps.schedule.Rate(s.done),
		}
	}
	s.done++
	return result, wait, nil
}

// PerEpoch returns the number of steps in an epoch.
func (s *Steps) PerEpoch() int { return s.steps.feed.StepsPerEpoch() }

// Close frees the session and stops the loader.
func (s *Steps) Close() error { return s.steps.close() }

// InferenceModel returns the bytes of an ONNX model of the network for the target, with the
// parameters of the checkpoint and BatchNorm folded. The model stores the names classes;
// nil stores none.
func InferenceModel(n *onnxmodels.Network, c *checkpoint.Checkpoint, classes []string, target string) ([]byte, error) {
	m, err := n.Inference(c, onnxmodels.InferenceOptions{Classes: classes, Target: target, Block: session.Block()})
	if err != nil {
		return nil, err
	}
	return modelfile.Marshal(m)
}
