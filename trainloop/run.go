package trainloop

import (
	"context"
	"errors"
	"slices"
	"time"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/evaluation"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/ort/session"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
	"onnxlab/trainloop/warmstart"
)

// Options say what is run and where it is kept.
type Options struct {
	// Experiment comes from configs.Load, or is configs.Default with changes,
	// of which its method ValidateFor tells whether they are possible. Its data
	// settings are kept with the run and not used.
	Experiment configs.Experiment
	// Network, if not nil, is trained in place of the one that Experiment.Model describes,
	// whose Kind then becomes configs.KindOwn and whose Classes those of the network. It
	// takes images of the size of Train's as bytes. The run keeps its fingerprint
	// (onnxmodels.Network.Fingerprint): to resume it with another network is a *Mismatch.
	Network *onnxmodels.Network
	// Train and Validation have images of one size, one image or more, and as
	// many classes as the experiment's model. If that says 0, the model gets as
	// many as they have.
	Train, Validation *dataset.Set
	// Dir is the run directory. It is made if it does not exist, and must not
	// hold another run.
	Dir string
	// Patience is how long Run waits for another process to leave Dir before it
	// fails; 0 does not wait.
	Patience time.Duration
	// Handover asks a process that has Dir to save and leave, and, once this one has it,
	// does so for others that ask: a scheduler that has lost sight of a node starts its
	// run elsewhere, while the process there may live on.
	Handover bool
	// Resume goes on from the latest snapshot in Dir, if there is one. The
	// experiment is that which the run began with, or has another number of epochs:
	// then the run goes on as if it had begun with it, which is a *Mismatch where
	// the learning rates of the epochs that are done would have been others.
	Resume bool
	// From, if not nil, are the parameters that the run begins with in place of
	// random ones. It keeps a copy of them, and goes on without From: a run that is
	// resumed with other parameters than it began with is a *Mismatch.
	From *warmstart.Source
	// Note, if not nil, is told in a line what a user should know.
	Note func(text string)
	// Observer, if not nil, is told how the run goes.
	Observer Observer
}

// Run trains, and returns the summary that it wrote last.
//
// When ctx is cancelled it finishes the step, saves a snapshot and returns an
// *Interrupted. The other errors that can be told apart are *configs.Error for
// settings that are not possible, *SettingError for an experiment that does not
// go with the images, *dataset.Error for images and labels that do not go
// together, *warmstart.Misfit for parameters of another network, *Occupied,
// *Mismatch, *Diverged, *rundir.DataError, *snapshot.DamagedError and
// *session.DeviceError.
func Run(ctx context.Context, o Options) (_ rundir.Summary, err error) {
	r, err := start(ctx, o)
	if err != nil {
		return rundir.Summary{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if o.Handover {
		var stop func()
		ctx, stop = untilAsked(ctx, o.Dir)
		defer stop()
	}
	if r.complete {
		return rundir.ReadSummary(o.Dir)
	}
	begin := r.position()
	if r.ended() {
		begin.Epochs = begin.Epoch
	}
	r.observe().Started(begin)
	for !r.ended() {
		if err := r.epoch(ctx); err != nil {
			return rundir.Summary{}, err
		}
	}
	return r.finish()
}

// run is a run under way.
type run struct {
	Options
	layout   rundir.Layout
	unlock   func() error
	complete bool
	// environment is what was written when the run began.
	environment rundir.Environment
	// began is the experiment that the run had before it was given another number
	// of epochs; nil if that is the same.
	began *configs.Experiment

	network *onnxmodels.Network
	// fingerprint is that of Options.Network, "" without one.
	fingerprint string
	// cut is nil, and so are features, unless features are kept.
	cut      *onnxmodels.Cut
	features *features
	origin   origin
	*steps   // nil until prepare
	options  session.Options
	// tolerance is how far two runtimes may be apart on the exported model; 0 is what is
	// usual for it.
	tolerance float64

	at snapshot.Manifest // where the run is, and the hashes of what it is
	// dataHash waits for the hash of the images; nil if none is needed.
	dataHash func() (string, error)
	history  []rundir.Epoch
	// diagnosis is empty unless the settings ask for one.
	diagnosis diagnosis
	saver     saver
	// checked tells that the images have the hash in at.
	checked bool
}

// epoch trains to the end of the current epoch, evaluates and saves.
func (r *run) epoch(ctx context.Context) error {
	begun := time.Now()
	for r.at.Partial.Steps < r.feed.StepsPerEpoch() {
		if err := r.saver.failed(); err != nil {
			return err
		}
		if r.at.Partial.Steps == r.feed.StepsPerEpoch()-1 {
			if err := r.prepareDiagnosis(); err != nil {
				return err
			}
		}
		if err := r.step(ctx); err != nil {
			return err
		}
		if r.at.Partial.Steps == r.feed.StepsPerEpoch() {
			break
		}
		if ctx.Err() != nil {
			return r.interrupted(ctx)
		}
		if every := r.Experiment.Train.CheckpointSteps; every > 0 && r.at.Step%every == 0 {
			if err := r.save(); err != nil {
				return err
			}
		}
	}
	return r.endEpoch(ctx, begun)
}

// step does one optimizer step.
func (r *run) step(ctx context.Context) error {
	begun := time.Now()
	// The step is not cut short by a signal: its batch is there already, or
	// will be in a moment.
	result, wait, err := r.optimize(context.WithoutCancel(ctx), r.at.Step)
	if err != nil {
		return err
	}
	if !isFinite(result.Loss) {
		return r.diverged(result.Loss, r.at.Step)
	}
	p := &r.at.Partial
	r.at.Step++
	r.at.LossScale = r.trainer.LossScale()
	p.Steps++
	p.Loss += result.Loss
	p.Correct += result.Correct
	p.Seconds += time.Since(begun).Seconds()
	p.Wait += wait.Seconds()
	images := float64(p.Steps * r.Experiment.Train.BatchSize)
	r.observe().Stepped(r.position(), p.Loss/float64(p.Steps), float64(p.Correct)/images, images/p.Seconds)
	return nil
}

// diverged is the error of the loss in or after the step, which is one of the
// current epoch.
func (r *run) diverged(loss float64, step int) error {
	_, err := r.saver.wait() // its snapshot may be the last good one
	return errors.Join(&Diverged{
		Step: step, Epoch: r.at.Epoch, Loss: loss, Rate: r.schedule.Rate(step),
		Snapshot: lastFinite(r.layout.Checkpoints()),
	}, err)
}

// endEpoch evaluates, and saves the history and a snapshot at the first step
// of the next epoch.
func (r *run) endEpoch(ctx context.Context, begun time.Time) error {
	pending, err := r.checkpoint()
	if err != nil {
		return err
	}
	// An interruption now would only repeat the evaluation.
	row, err := r.evaluateEpoch(context.WithoutCancel(ctx), pending, begun)
	if err != nil {
		return errors.Join(err, pending.Abort())
	}
	r.history = append(r.history, row)
	r.learn()
	r.at.Epoch++
	r.at.Partial = snapshot.Partial{}
	r.commit(pending, &row.ValAccuracy, slices.Clone(r.history))
	r.observe().Finished(r.position(), row)
	if ctx.Err() != nil && !r.ended() {
		return r.stopped(ctx)
	}
	return nil
}

// evaluateEpoch returns the row of the current epoch, of which the snapshot has the
// parameters, and if the settings ask for it measures their statistics before.
func (r *run) evaluateEpoch(ctx context.Context, pending *snapshot.Pending, begun time.Time) (rundir.Epoch, error) {
	if err := r.recalibrate(ctx, pending); err != nil {
		return rundir.Epoch{}, err
	}
	parameters, err := pending.Parameters()
	if err != nil {
		return rundir.Epoch{}, err
	}
	evaluation, err := r.evaluate(ctx, parameters)
	if err != nil {
		return rundir.Epoch{}, err
	}
	last := r.at.Step - 1
	if !isFinite(evaluation.Loss) {
		return rundir.Epoch{}, r.diverged(evaluation.Loss, last)
	}
	if err := r.checkData(); err != nil {
		return rundir.Epoch{}, err
	}
	d := r.diagnose(ctx, pending.CheckpointPath())
	row := r.row(evaluation, r.schedule.Rate(last), time.Since(begun).Seconds())
	row.Diagnosis = d
	return row, nil
}

// row sums up the current epoch. Its seconds are those of its steps, of other
// processes too if it was resumed within, and of the evaluation.
func (r *run) row(e *evaluation.Report, rate, elapsed float64) rundir.Epoch {
	p := r.at.Partial
	images := float64(p.Steps * r.Experiment.Train.BatchSize)
	row := rundir.Epoch{
		Epoch: r.at.Epoch, Step: r.at.Step, LearningRate: rate,
		Loss: p.Loss / float64(p.Steps), Accuracy: float64(p.Correct) / images,
		ValLoss: e.Loss, ValAccuracy: e.Accuracy,
		ImagesPerSecond: images / p.Seconds, DataWait: p.Wait / p.Seconds,
		Seconds: max(elapsed, p.Seconds),
	}
	if e.Micro != nil {
		row.MultiLabel, row.ValMAP, row.ValF1 = true, e.MeanAveragePrecision, e.Micro.F1
	}
	return row
}

// evaluate runs the network with the parameters on the validation images, with
// BatchNorm folded as in the exported model.
func (r *run) evaluate(ctx context.Context, parameters *checkpoint.Checkpoint) (e *evaluation.Report, err error) {
	if r.features != nil {
		return r.features.evaluate(ctx, parameters, r.Validation, r.options)
	}
	model, err := InferenceModel(r.network, parameters, r.Validation.Classes, r.options.Device.Traits().Target)
	if err != nil {
		return nil, err
	}
	m, err := session.NewModel(model, r.options)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	return evaluation.RunLoss(ctx, m, evaluation.Loss(r.Experiment.Train.Loss), r.Validation)
}

// interrupted saves the state and says so.
func (r *run) interrupted(ctx context.Context) error {
	if err := r.save(); err != nil {
		return errors.Join(err, ctx.Err())
	}
	return r.stopped(ctx)
}

// stopped waits for the save of the current position and says where it is.
func (r *run) stopped(ctx context.Context) error {
	path, err := r.saver.wait()
	if err != nil {
		return errors.Join(err, ctx.Err())
	}
	return &Interrupted{Snapshot: path, Step: r.at.Step, err: ctx.Err()}
}

func (r *run) close() error {
	if r.dataHash != nil {
		_, _ = r.dataHash() // leaves no goroutine behind
	}
	_, err := r.saver.wait()
	if r.diagnosis.prober != nil {
		err = errors.Join(err, r.diagnosis.prober.Close())
	}
	if r.steps != nil {
		err = errors.Join(err, r.steps.close())
	}
	return errors.Join(err, r.unlock())
}
