package trainloop

import (
	"fmt"
	"slices"

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/schedule"
	"onnxlab/trainloop/snapshot"
)

// lengthKey is the one setting that a run may be given another value of when it
// goes on.
const lengthKey = "train.epochs"

// differsInLength tells whether two experiments train the same but for the number
// of epochs.
func differsInLength(began, now configs.Experiment) bool {
	began.Train.Epochs = now.Train.Epochs
	return began.Hash() == now.Hash()
}

// beganAs remembers the experiment that the run had until now, whose number of
// epochs its snapshots are of.
func (r *run) beganAs(e configs.Experiment) {
	r.began = &e
	if known := r.environment.EarlierEpochs; !slices.Contains(known, e.Train.Epochs) {
		r.environment.EarlierEpochs = append(known, e.Train.Epochs)
	}
}

// checkLength tells why the run, which is at the snapshot's position, cannot go on
// as if it had always had its number of epochs: it has done more, or the rates of
// what it has done would have been others.
func (r *run) checkLength(m snapshot.Manifest, history []rundir.Epoch) error {
	epochs := r.Experiment.Train.Epochs
	if begun := m.Epoch + min(m.Partial.Steps, 1); epochs < begun {
		return r.otherLength(fmt.Sprintf("it has come to epoch %d: set %s to %d or more", begun, lengthKey, begun))
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
			return r.otherLength(fmt.Sprintf("it trained epoch %d at the rate %.6g, where schedule.kind %s with %d epochs has %.6g: resume it as it began, or begin another run with its parameters, with --from %q and another --out",
				step/perEpoch+1, a, r.Experiment.Schedule.Kind, epochs, b, r.Dir))
		}
	}
	return nil
}

// otherLength is the error of a run that cannot have another number of epochs.
func (r *run) otherLength(advice string) error {
	m := NewMismatch(r.Dir, *r.began, r.Experiment)
	m.Advice = advice
	return m
}

// knows tells whether a configuration's hash is the run's, now or with a number of
// epochs that it had before.
func (r *run) knows(hash string) bool {
	return slices.ContainsFunc(append(r.environment.EarlierEpochs, r.Experiment.Train.Epochs), func(epochs int) bool {
		e := r.Experiment
		e.Train.Epochs = epochs
		return e.Hash() == hash
	})
}

// changeLength writes down that the run has another number of epochs from here on.
// The order is so that it can be killed between any two: its snapshots are known
// as its own before they are another configuration's, and it is not complete with
// epochs that it has not trained.
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
	text, err := configs.Marshal(began)
	if err != nil {
		return err
	}
	return durable.WriteBytes(r.layout.Config(), text)
}
