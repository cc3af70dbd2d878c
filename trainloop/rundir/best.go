package rundir

import (
	"errors"
	"fmt"
	"io/fs"

	"onnxlab/trainloop/snapshot"
)

// BestSnapshot returns the path of the snapshot of the epoch with the best validation
// accuracy of the run in dir, or of the earliest if several have it. A run always keeps
// it. If it is gone, the error is a *DataError that names its epoch, since the best of
// the other snapshots may be much worse.
func BestSnapshot(dir string) (string, error) {
	layout := Layout{Dir: dir}
	history, err := ReadHistory(layout.History())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	lost := func(kept string) error {
		s := Summarize(history)
		return &DataError{Path: layout.Checkpoints(), Message: fmt.Sprintf(
			"the checkpoint of epoch %d (step %d), the best with a validation accuracy of %.2f %%, is gone; %s",
			s.BestEpoch+1, history[s.BestEpoch].Step, 100*s.BestValAccuracy, kept)}
	}
	path, err := snapshot.Best(layout.Checkpoints())
	if errors.Is(err, fs.ErrNotExist) && len(history) > 0 {
		return "", lost("so are those of all other epochs")
	}
	if err != nil {
		return "", err
	}
	m, err := snapshot.Check(path)
	if err != nil {
		return "", err
	}
	if *m.ValAccuracy < Summarize(history).BestValAccuracy {
		return "", lost(fmt.Sprintf("the best that is left is of epoch %d, with %.2f %%", m.Epoch, 100**m.ValAccuracy))
	}
	return path, nil
}
