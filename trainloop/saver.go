package trainloop

import (
	"errors"
	"slices"

	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// saver makes snapshots durable while training goes on. The trainer's state
// must stand still only until it is in a file; a goroutine hashes and syncs
// that file and lets the snapshot appear, while the next steps run.
//
// One save is under way at most: wait comes before the next snapshot is begun.
// So snapshots appear in their order, no more than one is unfinished, and the
// removal of leftovers that ends a save meets none that is begun. Each error
// is returned once, by failed or by wait, whichever is called first.
//
// The zero saver is ready. Its owner calls wait before it ends.
type saver struct {
	underway chan saved // nil if there is none
}

// saved is what came of a save: the snapshot's path, or why there is none.
type saved struct {
	path string
	err  error
}

// start does a save in the background. The save before it has been waited for.
func (s *saver) start(save func() (path string, err error)) {
	done := make(chan saved, 1)
	s.underway = done
	go func() {
		path, err := save()
		done <- saved{path, err}
	}()
}

// wait waits for the save under way, if there is one, and returns the path of
// its snapshot.
func (s *saver) wait() (path string, err error) {
	if s.underway == nil {
		return "", nil
	}
	last := <-s.underway
	s.underway = nil
	return last.path, last.err
}

// failed returns the error of a save that has failed by now. It waits for
// nothing.
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

// checkpoint begins a snapshot, once the one before it is saved, and writes the
// trainer's state to its file.
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

// commit lets the saver make the snapshot of the current position durable. At
// the end of an epoch, when it has a validation accuracy, the history goes
// first: rows beyond the snapshot are dropped on resume, but one that is
// missing could not be made again.
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
