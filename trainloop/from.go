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

// origin is the parameters of another run that a run begins with. Its zero value
// is that of a run that begins with random ones.
type origin struct {
	state *checkpoint.Checkpoint
	start warmstart.Start
	from  *rundir.From
}

// originOf returns what the run of these options begins with.
func (r *run) originOf() (o origin, err error) {
	if r.From == nil {
		return o, nil
	}
	o.state, o.start, err = r.From.Fit(r.network, r.Train.Classes, r.Experiment.Seed)
	o.from = &rundir.From{Path: r.From.Path, Place: r.From.Place, SHA256: r.From.SHA256(), New: o.start.New}
	return o, err
}

// checkOrigin tells whether the run that has begun did so with the parameters that
// are given now. Where none are given, it goes on with its own.
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

// first returns the checkpoint that a run begins with.
func (r *run) first() ([]byte, error) {
	if r.origin.from != nil {
		return checkpoint.Encode(r.origin.state), nil
	}
	if began := r.environment.From; began != nil {
		return nil, &rundir.DataError{Path: r.layout.Checkpoints(), Message: fmt.Sprintf("no snapshot is left, and the run began with the parameters of %s: give them again with --from", began)}
	}
	return checkpoint.Encode(r.network.Initialize(r.Experiment.Seed)), nil
}

// keepOrigin makes a snapshot of step 0 of another run's parameters, so that the
// run can begin again without them: the other may go on meanwhile, or be removed.
func (r *run) keepOrigin() error {
	if r.origin.from == nil {
		return nil
	}
	if _, _, _, err := snapshot.Latest(r.layout.Checkpoints()); !errors.Is(err, fs.ErrNotExist) {
		return err // left by a start that was killed, and found to be this run's
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
