package trainloop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"onnxlab/augment"
	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/allocation"
	"onnxlab/internal/sysmem"
	"onnxlab/onnxmodels"
	"onnxlab/ort/session"
	"onnxlab/trainloop/rundir"
)

// start claims the run directory and makes everything that the first step needs.
func start(ctx context.Context, o Options) (_ *run, err error) {
	o.Experiment = withClasses(withNetwork(o.Experiment, o.Network), o.Train)
	if err := check(o); err != nil {
		return nil, err
	}
	network, err := o.network()
	if err != nil {
		return nil, err
	}
	cut, err := cutFor(o.Experiment, network)
	if err != nil {
		return nil, err
	}
	if err := checkMultipliers(trained(network, cut), o.Experiment.Optimizer); err != nil {
		return nil, err
	}
	if err := checkMemory(trained(network, cut), o.Experiment, o.Experiment.Runtime.Device.Traits().Target, sysmem.Available()); err != nil {
		return nil, err
	}
	options := SessionOptions(o.Experiment.Runtime)
	if err := session.Check(options); err != nil {
		return nil, err // checked first, so that no run directory is left behind
	}
	r := &run{
		Options: o, layout: rundir.Layout{Dir: o.Dir}, network: network, cut: cut,
		options: options,
	}
	if r.origin, err = r.originOf(); err != nil {
		return nil, err
	}
	if r.fingerprint, err = o.fingerprint(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make run directory: %w", err)
	}
	if r.unlock, err = lock(ctx, o.Dir, o.Patience, o.Handover); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	r.at.ConfigHash = o.Experiment.Hash()
	begun, err := r.claim()
	if err != nil || r.complete {
		return r, err
	}
	r.dataHash = hashData(ctx, o)
	if err := r.prepare(ctx); err != nil {
		return r, err
	}
	switch {
	case !begun:
		return r, r.describe()
	case r.began != nil:
		return r, r.changeLength()
	}
	return r, nil
}

// hashData starts to hash both splits in the background, while the session is opened. wait
// waits for the hash.
func hashData(ctx context.Context, o Options) (wait func() (string, error)) {
	done := make(chan struct{})
	var train, validation string
	var err error
	go func() {
		defer close(done)
		if train, err = o.Train.HashContext(ctx); err == nil {
			validation, err = o.Validation.HashContext(ctx)
		}
	}()
	return func() (string, error) {
		<-done
		return train + "+" + validation, err
	}
}

// checkData checks, once per process, that images drawn by a program have the hash that is
// known in advance. It runs after an epoch, when all of them have been drawn.
func (r *run) checkData() error {
	if r.checked {
		return nil
	}
	r.checked = true
	return errors.Join(r.Train.Check(), r.Validation.Check())
}

// check checks that the experiment and the data fit together.
func check(o Options) error {
	if o.Train == nil || o.Validation == nil {
		return errors.New("train: want training and validation images (source.Load)")
	}
	th, tw := o.Train.Size()
	vh, vw := o.Validation.Size()
	switch {
	case th != vh || tw != vw:
		return &SettingError{"data.path", fmt.Sprintf("training images are %dx%d pixels, validation images %dx%d", th, tw, vh, vw)}
	case o.Train.Grey != o.Validation.Grey:
		return &SettingError{"data.channels", fmt.Sprintf("training images have %s, validation images %d", channelsText(o.Train.Channels()), o.Validation.Channels())}
	case o.Train.MultiLabel() != o.Validation.MultiLabel():
		return &SettingError{"data.path", "one of the training and validation sets has images with several classes, but the other has not"}
	case o.Validation.Len() == 0:
		return &SettingError{"data.validation", "there are no validation images"}
	}
	if err := o.Experiment.ValidateFor("model", "augment", "train", "optimizer", "schedule", "runtime"); err != nil {
		return err
	}
	if err := o.Validation.Validate(); err != nil {
		return fmt.Errorf("validation images: %w", err)
	}
	return checkTraining(o.Experiment, o.Train)
}

// checkTraining checks that the experiment and its training images fit together.
func checkTraining(e configs.Experiment, train *dataset.Set) error {
	if train == nil {
		return errors.New("train: want training images (source.Load)")
	}
	if err := train.Validate(); err != nil {
		return fmt.Errorf("training images: %w", err)
	}
	if err := checkBatch(e); err != nil {
		return err
	}
	switch {
	case len(train.Classes) != e.Model.Classes:
		return &SettingError{"model.classes", fmt.Sprintf("%d, but the data has %d classes", e.Model.Classes, len(train.Classes))}
	case e.Train.BatchSize > train.Len():
		return &SettingError{"train.batch_size", fmt.Sprintf("%d is more than the %d training images", e.Train.BatchSize, train.Len())}
	}
	if err := checkMultiLabel(e, train); err != nil {
		return err
	}
	if _, err := Recipe(e.Augment); err != nil {
		key, problem, _ := strings.Cut(err.Error(), ": ")
		return &SettingError{key, problem}
	}
	return nil
}

// checkMultiLabel returns an error for settings that are not possible if images may have
// several classes.
func checkMultiLabel(e configs.Experiment, train *dataset.Set) error {
	if !train.MultiLabel() {
		return nil
	}
	const several = "but these may have several"
	switch {
	case e.Train.Loss == configs.LossCrossEntropy:
		return &SettingError{"train.loss", fmt.Sprintf("%s is for images of one class each, %s: set it to %s", e.Train.Loss, several, configs.LossBinaryCrossEntropy)}
	case e.Train.Balance != configs.BalanceNone:
		return &SettingError{"train.balance", fmt.Sprintf("%s goes by the class of each image, %s: set it to %s", e.Train.Balance, several, configs.BalanceNone)}
	case e.Train.CacheFeatures:
		return &SettingError{"train.cache_features", fmt.Sprintf("it is for images of one class each, %s: set it to false", several)}
	case e.Diagnose.Every > 0:
		return &SettingError{"diagnose.every", fmt.Sprintf("%d: diagnoses are for images of one class each, %s: set it to 0", e.Diagnose.Every, several)}
	}
	return nil
}

// claim returns an error if the directory belongs to another run or to a sweep, and reports
// whether this run has already begun in it.
func (r *run) claim() (begun bool, err error) {
	began, err := rundir.ReadConfig(r.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		r.environment.From = r.origin.from
		return false, r.checkOrigin()
	}
	if err != nil {
		return false, err
	}
	if kind := rundir.KindOf(r.Dir); !r.Resume || kind != rundir.OfRun {
		return false, &Occupied{Dir: r.Dir, Holds: kind, Wanted: rundir.OfRun}
	}
	if r.environment, err = rundir.ReadEnvironment(r.Dir); err != nil {
		return false, err
	}
	if err := r.checkModel(); err != nil {
		return true, err
	}
	switch {
	case began.Hash() == r.at.ConfigHash:
		r.complete = rundir.Complete(r.Dir)
	case differsInLength(began, r.Experiment):
		r.beganAs(began)
	default:
		return false, NewMismatch(r.Dir, began, r.Experiment)
	}
	if err := r.checkNetwork(); err != nil {
		return true, err
	}
	return true, r.checkOrigin()
}

// describe writes the files that identify the run. The configuration comes last: with it,
// the directory belongs to this run.
func (r *run) describe() error {
	e := rundir.Collect()
	e.From = r.origin.from
	e.Device, e.ONNXRuntime, e.Data.Source = r.options.Device, session.Version(), r.Train.Name
	if r.options.Device.Traits().Target == onnxmodels.TargetNative {
		e.CPU.Kernels = session.Kernels()
	}
	if e.Threads = r.options.Threads; e.Threads == 0 {
		e.Threads = cmp.Or(allocation.Threads(), runtime.NumCPU())
	}
	var err error
	if e.Model, err = modelFile(r.Experiment.Model); err != nil {
		return err
	}
	e.Network = r.fingerprint
	e.Data.Hash, e.Data.Train, e.Data.Validation = r.at.DataHash, r.Train.Len(), r.Validation.Len()
	e.Data.Height, e.Data.Width = r.Train.Size()
	e.Data.Channels = r.Train.Channels()
	e.Data.Classes, e.Data.Decoder = r.Train.Classes, r.Train.Decoder
	e.Data.Skipped = slices.Concat(r.Train.Skipped, r.Validation.Skipped)
	if err := rundir.WriteEnvironment(r.Dir, e); err != nil {
		return err
	}
	if err := r.keepOrigin(); err != nil {
		return err
	}
	if e.From != nil {
		r.note(r.origin.start.String())
	}
	if r.Experiment.Model.Kind == configs.KindONNX {
		total, trainable := r.network.Count()
		r.note(fmt.Sprintf("trains %d of the %d parameters of %q", trainable, total, r.Experiment.Model.Path))
		for _, n := range givenNotes(r.Experiment.Model, r.network) {
			r.note(n.Message)
		}
	}
	return rundir.WriteConfig(r.Dir, r.Experiment)
}

// prepare opens the session and the loader at the position of the latest snapshot, or at
// the beginning if there is none.
func (r *run) prepare(ctx context.Context) error {
	state, err := r.resume()
	if err != nil {
		return err
	}
	if r.steps, err = r.newSteps(ctx, state); err != nil {
		return err
	}
	r.learn()
	if r.at.DataHash, err = r.dataHash(); err != nil {
		return err
	}
	return r.checkBegunData()
}

// newSteps makes the steps on images, or on cached features.
func (r *run) newSteps(ctx context.Context, state []byte) (_ *steps, err error) {
	target := r.options.Device.Traits().Target
	if r.cut == nil {
		return newSteps(r.Experiment, r.Train, r.network, r.at, state, target)
	}
	images, size := r.Train.Len()+r.Validation.Len(), r.cut.Upper.Features()
	r.note(fmt.Sprintf("the frozen layers run once over %d images, and %d features of each are cached: %.1f MB", images, size, float64(featureBytes(r.cut, images))/1e6))
	if r.features, err = newFeatures(ctx, r.Experiment, r.cut, state, r.Train, r.Validation); err != nil {
		return nil, err
	}
	return r.features.steps(r.Experiment, r.at, state, target)
}

// Recipe returns the augmentation recipe that the settings name.
func Recipe(a configs.Augment) (*augment.Recipe, error) {
	if a.Recipe != "custom" {
		return augment.NewRecipe(a.Recipe, a.Geometry, a.Without...)
	}
	var specs []augment.Spec
	for _, op := range a.Operations {
		if !slices.Contains(a.Without, op.Kind) {
			specs = append(specs, augment.Spec{Kind: op.Kind, Ranges: op.Ranges})
		}
	}
	return augment.Custom(a.Geometry, specs)
}
