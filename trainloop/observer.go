package trainloop

import "onnxlab/trainloop/rundir"

// Observer watches a run. Its methods are called from the run's goroutine.
type Observer interface {
	// Started is called once, with the position from which the run starts. If there is
	// nothing left to train, because all epochs are done or the run stopped early, it is
	// the end.
	Started(p Position)
	// Stepped is called after each optimizer step, with the mean loss and the
	// accuracy (0..1) of its batch.
	Stepped(p Position, loss, accuracy, imagesPerSecond float64)
	// Finished is called after each epoch. Its row and its snapshot may not be on disk yet.
	Finished(p Position, e rundir.Epoch)
}

// Position is a place in a run.
type Position struct {
	// Epoch counts from 0; Step is the number of steps done in it.
	Epoch, Step int
	// Epochs and StepsPerEpoch are the run's length.
	Epochs, StepsPerEpoch int
}

func (r *run) position() Position {
	return Position{r.at.Epoch, r.at.Partial.Steps, r.Experiment.Train.Epochs, r.feed.StepsPerEpoch()}
}

func (r *run) note(text string) {
	if r.Note != nil {
		r.Note(text)
	}
}

func (r *run) observe() Observer {
	if r.Observer == nil {
		return silent{}
	}
	return r.Observer
}

type silent struct{}

func (silent) Started(Position)                            {}
func (silent) Stepped(Position, float64, float64, float64) {}
func (silent) Finished(Position, rundir.Epoch)             {}
