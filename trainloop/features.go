package trainloop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"onnxlab/augment/batch"
	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/evaluation"
	"onnxlab/internal/sysmem"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
	"onnxlab/ort/session"
	"onnxlab/trainloop/snapshot"
)

// features are the outputs of a network's frozen lower layers for all images. The layers
// above are trained and evaluated on them instead of on the images.
type features struct {
	upper *onnxmodels.Network
	// training and validation have upper.Features() numbers for each image of the two sets.
	training, validation []float32
	set                  *dataset.Set // the training images
}

// cutFor cuts the experiment's network into frozen and trained layers if
// train.cache_features is set, and otherwise returns nil. If the network has no frozen
// lower layers, the error is a *SettingError.
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

// trained returns the network that is trained: all of it, or the upper part if it is cut.
func trained(n *onnxmodels.Network, cut *onnxmodels.Cut) *onnxmodels.Network {
	if cut == nil {
		return n
	}
	return cut.Upper
}

// featureBytes returns the memory that the features of this many images take.
func featureBytes(cut *onnxmodels.Cut, images int) int64 {
	return 4 * int64(cut.Upper.Features()) * int64(images)
}

// checkFeatureMemory returns an error if there is not enough memory for the features.
func checkFeatureMemory(cut *onnxmodels.Cut, images int, available int64) error {
	if need := featureBytes(cut, images); need > available {
		return &SettingError{"train.cache_features", fmt.Sprintf(
			"%d features for each of %d images need %.1f GB of memory, but %.1f GB are free: set it to false, or also freeze higher layers, which have fewer features",
			cut.Upper.Features(), images, gigabytes(need), gigabytes(available))}
	}
	return nil
}

// newFeatures runs the images through the lower layers, with the parameters of the
// checkpoint state. validation may be nil.
func newFeatures(ctx context.Context, e configs.Experiment, cut *onnxmodels.Cut, state []byte, train, validation *dataset.Set) (_ *features, err error) {
	images := train.Len()
	if validation != nil {
		images += validation.Len()
	}
	if err := checkFeatureMemory(cut, images, sysmem.Available()); err != nil {
		return nil, err
	}
	lower, err := openLower(e, cut, state)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lower.Close()) }()
	f := &features{upper: cut.Upper, set: train}
	if f.training, err = f.extract(ctx, lower, train); err != nil || validation == nil {
		return f, err
	}
	f.validation, err = f.extract(ctx, lower, validation)
	return f, err
}

// openLower opens a session for the lower layers.
func openLower(e configs.Experiment, cut *onnxmodels.Cut, state []byte) (*session.Probe, error) {
	c, err := checkpoint.Decode(state)
	if err != nil {
		return nil, err
	}
	m, err := cut.Lower(c, onnxmodels.InferenceOptions{Target: e.Runtime.Device.Traits().Target, Block: session.Block()})
	if err != nil {
		return nil, err
	}
	data, err := modelfile.Marshal(m)
	if err != nil {
		return nil, err
	}
	return session.NewProbe(data, onnxmodels.InputImage, []string{onnxmodels.InputFeatures}, SessionOptions(e.Runtime))
}

// extract returns the features of a set. It computes those of the first image a second
// time, without other images in the batch: if they are different, features depend on the
// batch and cannot be cached.
func (f *features) extract(ctx context.Context, lower *session.Probe, set *dataset.Set) ([]float32, error) {
	height, width := set.Size()
	size, batch := f.upper.Features(), evaluation.BatchOf(height, width)
	all := make([]float32, 0, set.Len()*size)
	for from := 0; from < set.Len(); from += batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		images, err := set.ReadImages(ctx, from, min(from+batch, set.Len()), nil)
		if err != nil {
			return nil, err
		}
		values, err := lower.RunImages(images, height, width, set.Channels())
		if err != nil {
			return nil, err
		}
		all = append(all, values[0]...)
	}
	first, err := set.ReadImages(ctx, 0, 1, nil)
	if err != nil {
		return nil, err
	}
	alone, err := lower.RunImages(first, height, width, set.Channels())
	if err != nil {
		return nil, err
	}
	if d := relativeDistance(alone[0], all[:size]); d > featureTolerance {
		return nil, &SettingError{"train.cache_features", fmt.Sprintf("the features of an image depend on the other images of its batch (relative difference %.2g), so they cannot be cached: set it to false", d)}
	}
	return all, nil
}

// featureTolerance is the largest relative difference of features that rounding can
// explain.
const featureTolerance = 1e-3

// relativeDistance returns the Euclidean distance of a and b divided by the norm of b.
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

// steps opens a session that trains the upper layers from the position at.
func (f *features) steps(e configs.Experiment, at snapshot.Manifest, state []byte, target string) (*steps, error) {
	feed := &featureFeed{
		features: f, options: orderOf(e), size: e.Train.BatchSize, epoch: at.Epoch, step: at.Partial.Steps,
	}
	return stepsOf(feed, withWeights(e, f.set), f.upper, at, state, target)
}

// orderOf returns the loader's options that determine the order of the images.
func orderOf(e configs.Experiment) batch.LoaderOptions {
	return batch.LoaderOptions{Seed: e.Seed, Balance: e.Train.Balance == configs.BalanceSampling}
}

// featureFeed feeds features, in the same order in which batch.Loader delivers images.
type featureFeed struct {
	*features
	trainer     *session.Trainer
	options     batch.LoaderOptions // those that determine the order
	size        int                 // of a batch
	epoch, step int                 // of the next batch
	order       []int32

	batch       []float32
	batchLabels []int64
}

// StepsPerEpoch implements feed.
func (f *featureFeed) StepsPerEpoch() int { return f.set.Len() / f.size }

func (f *featureFeed) into(t *session.Trainer) {
	f.trainer = t
	f.batch, f.batchLabels = t.FeatureBatch()
}

// next gathers the batch. This takes so little time that no batch is prepared in advance.
func (f *featureFeed) next(ctx context.Context) (wait time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	begun := time.Now()
	if f.order == nil {
		f.order = batch.Picks(f.set, f.options, uint64(f.epoch))
	}
	n := f.upper.Features()
	for i, image := range f.order[f.step*f.size : (f.step+1)*f.size] {
		copy(f.batch[i*n:(i+1)*n], f.training[int(image)*n:])
		f.batchLabels[i] = int64(f.set.Label(int(image)))
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

// evaluate runs the features of the validation images through the upper layers, with these
// parameters.
func (f *features) evaluate(ctx context.Context, parameters *checkpoint.Checkpoint, set *dataset.Set, o session.Options) (_ *evaluation.Report, err error) {
	head, err := openUpper(f.upper, parameters, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, head.Close()) }()
	n := f.upper.Features()
	return evaluation.RunBy(ctx, evaluation.Loss(f.upper.Loss()), func(_ context.Context, from, to int) ([]float32, error) {
		return logits(head, f.validation[from*n:to*n], n)
	}, set)
}

// openUpper opens a session for inference with the upper layers.
func openUpper(upper *onnxmodels.Network, parameters *checkpoint.Checkpoint, o session.Options) (*session.Probe, error) {
	data, err := InferenceModel(upper, parameters, nil, o.Device.Traits().Target)
	if err != nil {
		return nil, err
	}
	return session.NewProbe(data, onnxmodels.InputFeatures, []string{onnxmodels.OutputLogits}, o)
}

// logits returns the outputs of the upper layers for a list of features, n of each image.
func logits(head *session.Probe, list []float32, n int) ([]float32, error) {
	values, err := head.Run(matrix(list, n))
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// matrix returns a list of features, n of each image, as the input of a session.
func matrix(list []float32, n int) *interp.Value {
	return &interp.Value{Name: onnxmodels.InputFeatures, Tensor: &op.Tensor{Elem: graph.Float, Shape: []int{len(list) / n, n}, Floats: list}}
}

// measure adds the moments of the inputs of BatchNorm in the upper layers over the epoch's
// first training images.
func (f *features) measure(ctx context.Context, m *onnxmodels.Moments, e configs.Experiment, epoch int) (err error) {
	size, batches := measuredBatches(f.set.Len(), max(MicroBatch(e), evaluation.BatchOf(f.set.Size())))
	data, err := modelfile.Marshal(m.Model)
	if err != nil {
		return err
	}
	probe, err := session.NewProbe(data, onnxmodels.InputFeatures, m.Outputs, SessionOptions(e.Runtime))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, probe.Close()) }()
	n := f.upper.Features()
	feed := &featureFeed{
		features: f, options: batch.LoaderOptions{Seed: e.Seed}, size: size, epoch: epoch,
		batch: make([]float32, size*n), batchLabels: make([]int64, size),
	}
	for range batches {
		if _, err := feed.next(ctx); err != nil {
			return err
		}
		values, err := probe.Run(matrix(feed.batch, n))
		if err != nil {
			return explainMemory(err, e)
		}
		if err := m.Add(values); err != nil {
			return err
		}
	}
	return nil
}
