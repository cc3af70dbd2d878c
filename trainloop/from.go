package trainloop

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"onnxlab/internal/durable"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
	"onnxlab/trainloop/warmstart"
)

// origin has the parameters of another run with which a run begins. It is zero for a run
// that begins with random parameters.
type origin struct {
	state *checkpoint.Checkpoint
	start warmstart.Start
	from  *rundir.From
}

// originOf returns the parameters of Options.From, fitted to the network.
func (r *run) originOf() (o origin, err error) {
	if r.From == nil {
		return o, nil
	}
	o.state, o.start, err = r.From.Fit(r.network, r.Train.Classes, r.Experiment.Seed)
	o.from = &rundir.From{Path: r.From.Path, Place: r.From.Place, SHA256: r.From.SHA256(), New: o.start.New}
	return o, err
}

// checkOrigin returns a *Mismatch if the run began with other parameters than Options.From
// now has. Without Options.From, a run resumes with its own.
func (r *run) checkOrigin() error {
	began, now := r.environment.From, r.origin.from
	if now != nil && (began == nil || began.SHA256 != now.SHA256 || !slices.Equal(began.New, now.New)) {
		return &Mismatch{Dir: r.Dir, Differences: []string{fmt.Sprintf("--from: %s became %s", began, now)}}
	}
	if began != nil {
		r.at.FromHash = began.SHA256
	}
	return nil
}

// first returns the checkpoint with which a run begins.
func (r *run) first() ([]byte, error) {
	if r.origin.from != nil {
		return checkpoint.Encode(r.origin.state), nil
	}
	if began := r.environment.From; began != nil {
		return nil, &rundir.DataError{Path: r.layout.Checkpoints(), Message: fmt.Sprintf("no snapshot is left to resume from, and the run began with the parameters of %s: give them again with --from", began)}
	}
	return checkpoint.Encode(r.network.Initialize(r.Experiment.Seed)), nil
}

// keepOrigin saves the parameters of the other run as a snapshot of step 0. With it, this
// run can begin again even if the other run has gone on or was deleted in the meantime.
func (r *run) keepOrigin() error {
	if r.origin.from == nil {
		return nil
	}
	if _, _, _, err := snapshot.Latest(r.layout.Checkpoints()); !errors.Is(err, fs.ErrNotExist) {
		return err // a start that was killed left a snapshot, which resume has checked
	}
	pending, err := snapshot.Begin(r.layout.Checkpoints())
	if err != nil {
		return err
	}
	if err := durable.WriteBytes(pending.CheckpointPath(), checkpoint.Encode(r.origin.state)); err != nil {
		return errors.Join(err, pending.Abort())
	}
	_, err = pending.Commit(r.at)
	return err
}
