package trainloop

import (
	"errors"
	"slices"

	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// saver makes snapshots durable while training goes on. Training has to stop only while the
// trainer's state is written to a file. A goroutine then hashes and syncs that file and
// gives the snapshot its name, while the next steps run.
//
// At most one save is in progress, because the owner calls wait before it begins the next
// snapshot. So snapshots appear in order, at most one of them is unfinished, and the
// cleanup at the end of a save never removes one that has just begun. Each error is
// returned once, by failed or by wait, whichever is called first.
//
// The zero saver is ready to use. Its owner must call wait at the end.
type saver struct {
	underway chan saved // nil if no save is in progress
}

// saved is the result of a save: the path of the snapshot, or an error.
type saved struct {
	path string
	err  error
}

// start runs save in the background. The caller has waited for the previous save.
func (s *saver) start(save func() (path string, err error)) {
	done := make(chan saved, 1)
	s.underway = done
	go func() {
		path, err := save()
		done <- saved{path, err}
	}()
}

// wait waits for the save in progress, if there is one, and returns the path of its
// snapshot.
func (s *saver) wait() (path string, err error) {
	if s.underway == nil {
		return "", nil
	}
	last := <-s.underway
	s.underway = nil
	return last.path, last.err
}

// failed returns the error of a save that has already failed. It does not wait.
func (s *saver) failed() error {
	select {
	case last := <-s.underway:
		s.underway = nil
		return last.err
	default:
		return nil
	}
}

// save saves a snapshot of the current position within an epoch.
func (r *run) save() error {
	pending, err := r.checkpoint()
	if err != nil {
		return err
	}
	r.commit(pending, nil, nil)
	return nil
}

// checkpoint waits for the previous snapshot, begins a new one and writes the trainer's
// state into it.
func (r *run) checkpoint() (*snapshot.Pending, error) {
	if _, err := r.saver.wait(); err != nil {
		return nil, err
	}
	pending, err := snapshot.Begin(r.layout.Checkpoints())
	if err != nil {
		return nil, err
	}
	if err := r.trainer.Save(pending.CheckpointPath()); err != nil {
		return nil, errors.Join(err, pending.Abort())
	}
	return pending, nil
}

// commit starts to make the snapshot of the current position durable. At the end of an
// epoch, where accuracy is its validation accuracy, the history is written first: rows
// after the snapshot are dropped when the run resumes, but a missing row could not be
// recovered.
func (r *run) commit(pending *snapshot.Pending, accuracy *float64, history []rundir.Epoch) {
	m, layout, keep, also := r.at, r.layout, r.Experiment.Train.KeepCheckpoints, r.keptSteps()
	layers := slices.Clone(r.diagnosis.layers)
	m.ValAccuracy = accuracy
	r.saver.start(func() (string, error) {
		if history != nil {
			if err := rundir.WriteHistory(layout.History(), history); err != nil {
				return "", errors.Join(err, pending.Abort())
			}
		}
		if history != nil && len(layers) > 0 {
			if err := rundir.WriteLayers(layout.Layers(), layers); err != nil {
				return "", errors.Join(err, pending.Abort())
			}
		}
		path, err := pending.Commit(m)
		if err != nil {
			return "", err
		}
		return path, snapshot.Prune(layout.Checkpoints(), keep, also...)
	})
}
