package trainloop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"onnxlab/augment"
	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/trainloop/evaluation"
	"onnxlab/trainloop/session"
	"onnxlab/trainloop/snapshot"
)

// features are what the frozen lower layers of a network give for images, with which the
// layers above them are trained and evaluated in place of the images.
type features struct {
	upper *onnxmodels.Network
	// training and validation have upper.Features() numbers for each image of the sets.
	training, validation []float32
	labels               []int32 // of the training images
}

// cutFor cuts the network of an experiment with train.cache_features, and returns nil for
// others. A network without frozen lower layers is a *SettingError.
func cutFor(e configs.Experiment, n *onnxmodels.Network) (*onnxmodels.Cut, error) {
	if !e.Train.CacheFeatures {
		return nil, nil
	}
	cut, err := n.Cut()
	if err != nil {
		return nil, &SettingError{"train.cache_features", err.Error() + ": set it to false, or name fewer parameters in model.train"}
	}
	return cut, nil
}

// trained is the network that the steps are of: the upper part of one that is cut.
func trained(n *onnxmodels.Network, cut *onnxmodels.Cut) *onnxmodels.Network {
	if cut == nil {
		return n
	}
	return cut.Upper
}

// featureBytes is what the features of so many images take.
func featureBytes(cut *onnxmodels.Cut, images int) int64 {
	return 4 * int64(cut.Upper.Features()) * int64(images)
}

// checkFeatureMemory refuses features for which the machine has no memory.
func checkFeatureMemory(cut *onnxmodels.Cut, images int, available int64) error {
	if need := featureBytes(cut, images); need > available {
		return &SettingError{"train.cache_features", fmt.Sprintf(
			"%d features of each of %d images need %.1f GB of memory, %.1f GB are free: set it to false, or freeze layers further up, whose features are fewer",
			cut.Upper.Features(), images, gigabytes(need), gigabytes(available))}
	}
	return nil
}

// newFeatures runs the lower layers, with the parameters of the checkpoint state, over the
// images. validation may be nil.
func newFeatures(ctx context.Context, e configs.Experiment, cut *onnxmodels.Cut, state []byte, train, validation *dataset.Set) (_ *features, err error) {
	images := train.Len()
	if validation != nil {
		images += validation.Len()
	}
	if err := checkFeatureMemory(cut, images, availableMemory()); err != nil {
		return nil, err
	}
	extractor, err := newExtractor(e, cut, state, train)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, extractor.Close()) }()
	f := &features{upper: cut.Upper, labels: train.Labels}
	if f.training, err = f.extract(ctx, extractor, train); err != nil || validation == nil {
		return f, err
	}
	f.validation, err = f.extract(ctx, extractor, validation)
	return f, err
}

// newExtractor makes the session of the lower layers.
func newExtractor(e configs.Experiment, cut *onnxmodels.Cut, state []byte, set *dataset.Set) (*session.Extractor, error) {
	c, err := checkpoint.Decode(state)
	if err != nil {
		return nil, err
	}
	m, err := cut.Lower(c, onnxmodels.InferenceOptions{Target: Target(e.Runtime.Device), Block: session.Block()})
	if err != nil {
		return nil, err
	}
	data, err := modelfile.Marshal(m)
	if err != nil {
		return nil, err
	}
	height, width := set.Size()
	return session.NewExtractor(data, height, width, cut.Upper.Features(), sessionOptions(e.Runtime))
}

// extract returns the features of a set. Of the first image it takes them alone, too: were
// they others than beside other images, they could not be kept.
func (f *features) extract(ctx context.Context, extractor *session.Extractor, set *dataset.Set) ([]float32, error) {
	size := f.upper.Features()
	all := make([]float32, set.Len()*size)
	for from := 0; from < set.Len(); from += evaluation.Batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := min(from+evaluation.Batch, set.Len())
		if err := extractor.Features(ctx, set.Images(from, to), all[from*size:to*size]); err != nil {
			return nil, err
		}
	}
	alone := make([]float32, size)
	if err := extractor.Features(ctx, set.Images(0, 1), alone); err != nil {
		return nil, err
	}
	if d := relativeDistance(alone, all[:size]); d > featureTolerance {
		return nil, &SettingError{"train.cache_features", fmt.Sprintf("the frozen layers give an image other features (%.2g apart) alone than beside others, so they cannot be kept: set it to false", d)}
	}
	return all, nil
}

// featureTolerance is how far rounding may bring features apart, relative to their size.
const featureTolerance = 1e-3

// relativeDistance is the Euclidean distance of a and b over the length of b.
func relativeDistance(a, b []float32) float64 {
	var distance, size float64
	for i, x := range b {
		d := float64(a[i]) - float64(x)
		distance += d * d
		size += float64(x) * float64(x)
	}
	if distance == 0 {
		return 0
	}
	return math.Sqrt(distance / size)
}

// steps makes the session of the upper layers for what comes after the position at.
func (f *features) steps(e configs.Experiment, at snapshot.Manifest, state []byte, target string) (*steps, error) {
	feed := &featureFeed{
		features: f, seed: e.Seed, size: e.Train.BatchSize, epoch: at.Epoch, step: at.Partial.Steps,
	}
	return stepsOf(feed, e, f.upper, at, state, target)
}

// featureFeed is the feed of features, in the order in which augment.Loader has the images.
type featureFeed struct {
	*features
	trainer     *session.Trainer
	seed        uint64
	size        int // of a batch
	epoch, step int // of the next batch
	order       []int32

	batch       []float32
	batchLabels []int64
}

// StepsPerEpoch implements feed.
func (f *featureFeed) StepsPerEpoch() int { return len(f.labels) / f.size }

func (f *featureFeed) into(t *session.Trainer) {
	f.trainer = t
	f.batch, f.batchLabels = t.FeatureBatch()
}

// next gathers the batch, which takes so little that none is made ahead.
func (f *featureFeed) next(ctx context.Context) (wait time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	begun := time.Now()
	if f.order == nil {
		f.order = augment.Order(len(f.labels), f.seed, uint64(f.epoch))
	}
	n := f.upper.Features()
	for i, image := range f.order[f.step*f.size : (f.step+1)*f.size] {
		copy(f.batch[i*n:(i+1)*n], f.training[int(image)*n:])
		f.batchLabels[i] = int64(f.labels[image])
	}
	if f.step++; f.step == f.StepsPerEpoch() {
		f.epoch, f.step, f.order = f.epoch+1, 0, nil
	}
	return time.Since(begun), nil
}

func (f *featureFeed) train(rate float64, dropoutSeed uint64) (session.Result, error) {
	return f.trainer.StepFeatures(f.batch, f.batchLabels, rate, dropoutSeed)
}

// Close implements feed.
func (f *featureFeed) Close() {}

// evaluate runs the upper layers, with the parameters of a checkpoint file, on the features
// of the validation images.
func (f *features) evaluate(ctx context.Context, path string, set *dataset.Set, target string, o session.Options) (_ *evaluation.Report, err error) {
	c, err := checkpoint.Read(path)
	if err != nil {
		return nil, err
	}
	data, err := inferenceModel(f.upper, c, set.Classes, target)
	if err != nil {
		return nil, err
	}
	n := f.upper.Features()
	head, err := session.NewHead(data, n, f.upper.Classes(), o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, head.Close()) }()
	return evaluation.RunBy(ctx, func(ctx context.Context, from, to int) ([]float32, error) {
		return head.Logits(ctx, f.validation[from*n:to*n])
	}, set)
}
