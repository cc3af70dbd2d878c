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

// Options says what to train and where to keep the results.
type Options struct {
	// Experiment comes from configs.Load, or is configs.Default with changes that its
	// method ValidateFor accepts. The run stores its data settings but does not use them.
	Experiment configs.Experiment
	// Network, if not nil, is trained instead of the network that Experiment.Model
	// describes. The run then sets the Kind of that model to configs.KindOwn, and Classes
	// to those of the network. It must take images of the size of Train as bytes. The run
	// stores its fingerprint (onnxmodels.Network.Fingerprint); resuming with another
	// network is a *Mismatch.
	Network *onnxmodels.Network
	// Train and Validation have at least one image each, all of one size, and as many
	// classes as the experiment's model. If the model has 0 classes, it gets as many as the
	// images have.
	Train, Validation *dataset.Set
	// Dir is the run directory. It is created if it does not exist, and must not contain
	// another run.
	Dir string
	// Patience is how long Run waits for another process to leave Dir before it fails. With
	// 0 it does not wait.
	Patience time.Duration
	// Handover asks a process that holds Dir to save and leave. Once this process holds
	// Dir, it does the same for others that ask. It is for schedulers that lose contact
	// with a node and start its run elsewhere, while the process there may still be alive.
	Handover bool
	// Resume continues from the latest snapshot in Dir, if there is one. The experiment
	// must be the one that the run began with, except for the number of epochs. With
	// another number, the run goes on as if it had always had it. If finished epochs would
	// then have had other learning rates, that is a *Mismatch.
	Resume bool
	// From, if not nil, has the parameters with which the run begins instead of random
	// ones. The run keeps a copy of them, and can be resumed without From. Resuming it with
	// other parameters than it began with is a *Mismatch.
	From *warmstart.Source
	// Note, if not nil, is called with single lines that the user should read.
	Note func(text string)
	// Observer, if not nil, follows the progress of the run.
	Observer Observer
}

// Run trains, and returns the summary, which it writes last.
//
// When ctx is cancelled, Run finishes the step, saves a snapshot and returns an
// *Interrupted. Its other error types are *configs.Error for impossible settings,
// *SettingError for an experiment that does not fit the images, *dataset.Error for images
// and labels that do not fit together, *warmstart.Misfit for parameters of another network,
// *Occupied, *Mismatch, *Diverged, *rundir.DataError, *snapshot.DamagedError and
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

// run is a run in progress.
type run struct {
	Options
	layout   rundir.Layout
	unlock   func() error
	complete bool
	// environment is what was written when the run began.
	environment rundir.Environment
	// began is the experiment that the run had until now, if it gets another number of
	// epochs; otherwise nil.
	began *configs.Experiment

	network *onnxmodels.Network
	// fingerprint is the fingerprint of Options.Network; "" if that is nil.
	fingerprint string
	// cut and features are nil unless features are cached.
	cut      *onnxmodels.Cut
	features *features
	origin   origin
	*steps   // nil before prepare
	options  session.Options
	// tolerance is the largest accepted difference between two runtimes on the exported
	// model; 0 means the usual one.
	tolerance float64

	at snapshot.Manifest // the position of the run, and its hashes
	// dataHash waits for the hash of the images; nil if none is needed.
	dataHash func() (string, error)
	history  []rundir.Epoch
	// diagnosis is empty unless the settings ask for one.
	diagnosis diagnosis
	saver     saver
	// checked reports that the images have the hash in at.
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
	// A signal does not interrupt the step: its batch is ready, or will be in a moment.
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

// diverged returns the error for a loss that is not finite, in or after this step of the
// current epoch.
func (r *run) diverged(loss float64, step int) error {
	_, err := r.saver.wait() // its snapshot may be the last good one
	return errors.Join(&Diverged{
		Step: step, Epoch: r.at.Epoch, Loss: loss, Rate: r.schedule.Rate(step),
		Snapshot: lastFinite(r.layout.Checkpoints()),
	}, err)
}

// endEpoch evaluates, and saves the history and a snapshot at the start of the next epoch.
func (r *run) endEpoch(ctx context.Context, begun time.Time) error {
	pending, err := r.checkpoint()
	if err != nil {
		return err
	}
	// An interruption here would only make the evaluation happen again later.
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

// evaluateEpoch returns the history's row of the current epoch, whose parameters are in the
// snapshot. If the settings ask for it, it recalibrates BatchNorm's statistics before.
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

// row summarises the current epoch. Its seconds include the steps that earlier processes
// did in this epoch, and the evaluation.
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

// evaluate runs the network with these parameters, and with BatchNorm folded as in the
// exported model, on the validation images.
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

// interrupted saves the state and returns an *Interrupted.
func (r *run) interrupted(ctx context.Context) error {
	if err := r.save(); err != nil {
		return errors.Join(err, ctx.Err())
	}
	return r.stopped(ctx)
}

// stopped waits until the current position is saved and returns an *Interrupted with its
// path.
func (r *run) stopped(ctx context.Context) error {
	path, err := r.saver.wait()
	if err != nil {
		return errors.Join(err, ctx.Err())
	}
	return &Interrupted{Snapshot: path, Step: r.at.Step, err: ctx.Err()}
}

func (r *run) close() error {
	if r.dataHash != nil {
		_, _ = r.dataHash() // waits for the goroutine to end
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
