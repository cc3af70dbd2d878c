//go:build cgo

package session

import (
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"onnxlab/configs"
	"onnxlab/internal/keyed"
	"onnxlab/onnxmodels"
	"onnxlab/ort/lossscale"
)

// Trainer trains one network. It is not safe for concurrent use.
type Trainer struct {
	thread  *thread
	session *ort.TrainingSession
	// One of image and features is nil.
	image    *ort.Tensor[uint8]
	features *ort.Tensor[float32]
	// One of label and targets is nil.
	label   *ort.Tensor[int64]
	targets *ort.Tensor[float32]
	rate    *ort.Tensor[float32]
	seed    *ort.Tensor[int64] // nil if the network has no dropout
	// second and share are nil if no images are mixed.
	second  *ort.Tensor[int64]
	share   *ort.Tensor[float32]
	loss    *ort.Scalar[float32]
	correct *ort.Scalar[float32]
	// scale and norm are nil without mixed precision.
	scale     *ort.Tensor[float32]
	norm      *ort.Scalar[float32]
	lossScale lossscale.Scale
	values    []ort.Value // all of these

	micro, count int    // images in a micro-batch, micro-batches in a batch
	unpin        func() // frees the images' memory; nil if it belongs to Go

	network *onnxmodels.Network // nil if the training has none
	options Options
}

// NewTrainer returns a trainer that starts from the training's checkpoint. It returns an
// error if models, checkpoint and sizes do not fit together.
func NewTrainer(t Training, o Options) (_ *Trainer, err error) {
	if err := t.complete(); err != nil {
		return nil, fmt.Errorf("start training: %w", err)
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("start training: %w", err)
	}
	tr := &Trainer{
		thread: o.newThread(), micro: t.MicroBatch, count: t.BatchSize / t.MicroBatch,
		network: t.Network, options: o,
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start training: %w", err), tr.Close())
		}
	}()
	if err := tr.allocate(t, o.Device); err != nil {
		return nil, err
	}
	return tr, tr.thread.do(func() error { return tr.start(t, o) })
}

// start makes the session.
func (t *Trainer) start(training Training, o Options) error {
	return o.start(exhaustive, func(options *ort.SessionOptions) (err error) {
		// Without memory patterns ONNX Runtime does not plan in advance where a step's
		// values lie. With them, no step is faster on the CPU, but takes 1.5 to 1.9 times
		// the memory, and on a GPU twice as much.
		if err := options.SetMemPattern(false); err != nil {
			return err
		}
		t.session, err = ort.NewTrainingSessionWithOnnxData(training.Checkpoint, training.TrainingModel, nil, training.OptimizerModel,
			t.inputs(), t.outputs(), options)
		return err
	})
}

func (t *Trainer) allocate(o Training, device configs.Device) (err error) {
	n := int64(t.micro)
	if err := t.allocateInput(o, device); err != nil {
		return err
	}
	if err := t.allocateLabel(n, int64(o.Targets)); err != nil {
		return err
	}
	if t.rate, err = newVector[float32](t, 1); err != nil {
		return err
	}
	if o.Mixes {
		if t.second, err = newVector[int64](t, n); err != nil {
			return err
		}
		if t.share, err = newVector[float32](t, n); err != nil {
			return err
		}
	}
	if o.LossScale != nil {
		t.lossScale = *o.LossScale
		if t.scale, err = newVector[float32](t, 1); err != nil {
			return err
		}
		if t.norm, err = newScalar(t); err != nil {
			return err
		}
	}
	if o.HasDropout {
		if t.seed, err = newVector[int64](t, 1); err != nil {
			return err
		}
	}
	if t.loss, err = newScalar(t); err != nil {
		return err
	}
	t.correct, err = newScalar(t)
	return err
}

// allocateLabel makes the input of labels or, if classes is not 0, of targets.
func (t *Trainer) allocateLabel(n, classes int64) (err error) {
	if classes == 0 {
		t.label, err = newVector[int64](t, n)
		return err
	}
	if t.targets, err = ort.NewEmptyTensor[float32](ort.NewShape(n, classes)); err == nil {
		t.values = append(t.values, t.targets)
	}
	return err
}

// allocateInput makes the input of images or of features.
func (t *Trainer) allocateInput(o Training, device configs.Device) (err error) {
	n := int64(t.micro)
	if o.Features > 0 {
		if t.features, err = ort.NewEmptyTensor[float32](ort.NewShape(n, int64(o.Features))); err == nil {
			t.values = append(t.values, t.features)
		}
		return err
	}
	shape := ort.NewShape(n, int64(o.Height), int64(o.Width), int64(o.Channels))
	var pixels []uint8
	if device.Traits().OwnMemory {
		pixels, t.unpin = pinned(int(shape.FlattenedSize()))
	}
	if pixels == nil {
		pixels = make([]uint8, shape.FlattenedSize())
	}
	if t.image, err = ort.NewTensor(shape, pixels); err == nil {
		t.values = append(t.values, t.image)
	}
	return err
}

// newVector makes a tensor [n] that the trainer frees.
func newVector[T ort.TensorData](t *Trainer, n int64) (*ort.Tensor[T], error) {
	v, err := ort.NewEmptyTensor[T](ort.NewShape(n))
	if err == nil {
		t.values = append(t.values, v)
	}
	return v, err
}

// newScalar makes a scalar that the trainer frees.
func newScalar(t *Trainer) (*ort.Scalar[float32], error) {
	v, err := ort.NewEmptyScalar[float32]()
	if err == nil {
		t.values = append(t.values, v)
	}
	return v, err
}

// inputs lists the inputs in the order of the training model.
func (t *Trainer) inputs() []ort.Value {
	list := []ort.Value{t.label, t.rate}
	if t.targets != nil {
		list[0] = t.targets
	}
	if t.features != nil {
		list = append([]ort.Value{t.features}, list...)
	} else {
		list = append([]ort.Value{t.image}, list...)
	}
	if t.second != nil {
		list = append(list, t.second, t.share)
	}
	if t.scale != nil {
		list = append(list, t.scale)
	}
	if t.seed != nil {
		list = append(list, t.seed)
	}
	return list
}

// outputs lists the outputs in the order of the training model.
func (t *Trainer) outputs() []ort.Value {
	list := []ort.Value{t.loss, t.correct}
	if t.norm != nil {
		list = append(list, t.norm)
	}
	return list
}

// LossScale returns the loss scale of the next step in mixed precision; nil without it.
func (t *Trainer) LossScale() *lossscale.Scale {
	if t.scale == nil {
		return nil
	}
	l := t.lossScale
	return &l
}

// Batch returns memory for the images and labels of a batch. It is the best memory for
// Step: if the whole batch goes through the network at once, Step does not copy it, except
// to a GPU. It belongs to the trainer and is valid until Close. Batch returns nil after
// Close, and for trainers that take features or targets.
func (t *Trainer) Batch() (images []uint8, labels []int64) {
	if t.session == nil || t.image == nil || t.label == nil {
		return nil, nil
	}
	return batchOf(t, t.image)
}

// FeatureBatch is Batch for a trainer that takes features [batch, features].
func (t *Trainer) FeatureBatch() (features []float32, labels []int64) {
	if t.session == nil || t.features == nil || t.label == nil {
		return nil, nil
	}
	return batchOf(t, t.features)
}

// batchOf returns memory for a batch; input holds one micro-batch.
func batchOf[T ort.TensorData](t *Trainer, input *ort.Tensor[T]) ([]T, []int64) {
	if t.count == 1 {
		return input.GetData(), t.label.GetData()
	}
	return make([]T, t.count*len(input.GetData())), make([]int64, t.count*t.micro)
}

// Step does one optimizer step on a batch of BatchSize images [batch, height,
// width, channels] and labels, with the learning rate. dropoutSeed seeds the dropout of
// networks that have it, and should differ from step to step. A rate below 0 is an
// error, and so is a label that is not a class.
func (t *Trainer) Step(images []uint8, labels []int64, rate float64, dropoutSeed uint64) (Result, error) {
	return t.StepMixed(images, labels, nil, nil, rate, dropoutSeed)
}

// StepMixed is Step for mixed images: second are the BatchSize labels of the images that were
// mixed in, and shares, 0..1, the weights of labels in the loss. If both are nil, the images
// are not mixed. They must be nil if Training.Mixes is false.
func (t *Trainer) StepMixed(images []uint8, labels, second []int64, shares []float32, rate float64, dropoutSeed uint64) (Result, error) {
	return stepOn(t, t.image, "bytes of images", images, labels, mixed{second, shares}, rate, dropoutSeed)
}

// StepFeatures is Step for a trainer that takes features [batch, features].
func (t *Trainer) StepFeatures(features []float32, labels []int64, rate float64, dropoutSeed uint64) (Result, error) {
	return stepOn(t, t.features, "features", features, labels, mixed{}, rate, dropoutSeed)
}

// stepOn does a step on a batch. input takes one micro-batch at a time.
func stepOn[T ort.TensorData](t *Trainer, input *ort.Tensor[T], what string, batch []T, labels []int64, m mixed, rate float64, dropoutSeed uint64) (Result, error) {
	switch {
	case t.session == nil:
		return Result{}, fmt.Errorf("train step: %w", errClosed)
	case t.label == nil:
		return Result{}, errors.New("train step: the training model takes targets instead of labels: call StepTargets")
	case input == nil:
		return Result{}, fmt.Errorf("train step: the training model does not take %s", what)
	}
	size := len(input.GetData())
	if len(batch) != t.count*size || len(labels) != t.count*t.micro {
		return Result{}, fmt.Errorf("train step: %d %s and %d labels, want %d and %d",
			len(batch), what, len(labels), t.count*size, t.count*t.micro)
	}
	if err := errors.Join(checkStep(labels, rate), m.check(t, labels)); err != nil {
		return Result{}, fmt.Errorf("train step: %w", err)
	}
	feed := func(i int) {
		if to := input.GetData(); &to[0] != &batch[i*size] {
			copy(to, batch[i*size:])
		}
		copy(t.label.GetData(), labels[i*t.micro:])
		m.feed(t, labels, i*t.micro)
	}
	var r Result
	err := t.thread.do(func() (err error) {
		r, err = t.step(feed, rate, dropoutSeed)
		return err
	})
	return r, err
}

// step does the step; it runs on the session's thread. feed copies a micro-batch into the inputs.
func (t *Trainer) step(feed func(micro int), rate float64, dropoutSeed uint64) (Result, error) {
	t.rate.GetData()[0] = float32(rate / float64(t.count))
	if t.scale != nil {
		t.scale.GetData()[0] = float32(t.lossScale.Factor)
	}
	var r Result
	for i := range t.count {
		feed(i)
		if t.seed != nil {
			t.seed.GetData()[0] = int64((dropoutSeed + uint64(i)*keyed.Gamma) % (1<<31 - 1))
		}
		if err := t.session.TrainStep(); err != nil {
			return Result{}, fmt.Errorf("train step: %w", err)
		}
		r.Loss += float64(t.loss.GetData()) / float64(t.count)
		r.Correct += int(t.correct.GetData())
		r.Skipped = r.Skipped || t.norm != nil && !finite(t.norm.GetData())
	}
	if err := t.optimize(r.Skipped); err != nil {
		return Result{}, err
	}
	return r, nil
}

// optimize takes the optimizer step, unless it is skipped, and resets the gradients.
func (t *Trainer) optimize(skipped bool) error {
	if t.norm != nil {
		if t.lossScale.Update(!skipped); t.lossScale.Lost() {
			return errors.New("train step: the gradients are not finite at any loss scale; try a lower optimizer.learning_rate, or runtime.precision float32")
		}
	}
	if !skipped {
		if err := t.session.OptimizerStep(); err != nil {
			return fmt.Errorf("optimizer step: %w", err)
		}
	}
	if err := t.session.LazyResetGrad(); err != nil {
		return fmt.Errorf("reset gradients: %w", err)
	}
	return nil
}

func finite(x float32) bool { return x-x == 0 }

// Save writes the parameters and the optimizer's state to a checkpoint file.
// The file is not synced to the disk.
func (t *Trainer) Save(path string) error {
	if t.session == nil {
		return fmt.Errorf("save checkpoint %q: %w", path, errClosed)
	}
	if err := t.thread.do(func() error { return t.session.SaveCheckpoint(path, true) }); err != nil {
		return fmt.Errorf("save checkpoint %q: %w", path, err)
	}
	return nil
}

// Close frees the session. The trainer cannot be used afterwards. Close may be called again.
func (t *Trainer) Close() error {
	var err error
	if t.session != nil {
		err = t.thread.do(t.session.Destroy)
	}
	t.thread.close()
	for _, v := range t.values {
		err = errors.Join(err, v.Destroy())
	}
	if t.unpin != nil {
		t.unpin()
	}
	*t = Trainer{}
	return err
}
