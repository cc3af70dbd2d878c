package trainloop

import (
	"fmt"
	"slices"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/schedule"
	"onnxlab/trainloop/snapshot"
)

// lengthKey is the only setting that may change when a run is resumed.
const lengthKey = "train.epochs"

// differsInLength reports whether two experiments differ only in the number of epochs.
func differsInLength(began, now configs.Experiment) bool {
	began.Train.Epochs = now.Train.Epochs
	return began.Hash() == now.Hash()
}

// beganAs remembers the experiment that the run had until now. Its snapshots were made with
// that number of epochs.
func (r *run) beganAs(e configs.Experiment) {
	r.began = &e
	if known := r.environment.EarlierEpochs; !slices.Contains(known, e.Train.Epochs) {
		r.environment.EarlierEpochs = append(known, e.Train.Epochs)
	}
}

// checkLength returns an error if the run, which is at the snapshot's position, cannot go
// on as if it had always had its new number of epochs. That is so if it has already trained
// more epochs, or if epochs so far would have had other learning rates.
func (r *run) checkLength(m snapshot.Manifest, history []rundir.Epoch) error {
	epochs := r.Experiment.Train.Epochs
	if begun := m.Epoch + min(m.Partial.Steps, 1); epochs < begun {
		return r.otherLength(fmt.Sprintf("it is already in epoch %d: set %s to %d or more", begun, lengthKey, begun))
	}
	perEpoch := r.Train.Len() / r.Experiment.Train.BatchSize
	before, err := schedule.New(*r.began, perEpoch)
	if err != nil {
		return err
	}
	now, err := schedule.New(r.Experiment, perEpoch)
	if err != nil {
		return err
	}
	seen := schedule.Monitor(r.Experiment.Schedule).Values(history)
	before, now = before.Given(seen), now.Given(seen)
	for step := range m.Step {
		if a, b := before.Rate(step), now.Rate(step); a != b {
			return r.otherLength(fmt.Sprintf("it trained epoch %d at the rate %.6g, but schedule.kind %s with %d epochs has %.6g there: resume it as it began, or begin another run with its parameters, with --from %q and another --out",
				step/perEpoch+1, a, r.Experiment.Schedule.Kind, epochs, b, r.Dir))
		}
	}
	return nil
}

// otherLength returns the error for a number of epochs that the run cannot have.
func (r *run) otherLength(advice string) error {
	m := NewMismatch(r.Dir, *r.began, r.Experiment)
	m.Advice = advice
	return m
}

// knows reports whether a configuration's hash is that of this run, with its present number
// of epochs or an earlier one.
func (r *run) knows(hash string) bool {
	return slices.ContainsFunc(append(r.environment.EarlierEpochs, r.Experiment.Train.Epochs), func(epochs int) bool {
		e := r.Experiment
		e.Train.Epochs = epochs
		return e.Hash() == hash
	})
}

// changeLength records the new number of epochs. A process may be killed between any two of
// the writes. Therefore the environment comes first, so that the snapshots stay valid under
// the new configuration, and the summary is removed before the configuration changes, so
// that the run never counts as complete with epochs that it has not trained.
func (r *run) changeLength() error {
	if err := rundir.WriteEnvironment(r.Dir, r.environment); err != nil {
		return err
	}
	if err := rundir.RemoveSummary(r.Dir); err != nil {
		return err
	}
	began := *r.began
	r.note(fmt.Sprintf("%s: %d became %d", lengthKey, began.Train.Epochs, r.Experiment.Train.Epochs))
	began.Train.Epochs = r.Experiment.Train.Epochs
	return rundir.WriteConfig(r.Dir, began)
}
