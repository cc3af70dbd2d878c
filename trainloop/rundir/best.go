package rundir

import (
	"errors"
	"fmt"
	"io/fs"

	"onnxlab/trainloop/snapshot"
)

// BestSnapshot returns the path of the snapshot with the best validation accuracy
// among the epochs of the run in dir, the earliest of equals. The run keeps it beside
// the latest ones. Where it is gone the error is a *DataError that names its epoch: the
// best of those that are left may be far worse.
func BestSnapshot(dir string) (string, error) {
	layout := Layout{Dir: dir}
	history, err := ReadHistory(layout.History())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	lost := func(kept string) error {
		s := Summarize(history)
		return &DataError{Path: layout.Checkpoints(), Message: fmt.Sprintf(
			"the checkpoint of epoch %d (step %d), the best with a validation accuracy of %.2f %%, is not kept any more; %s",
			s.BestEpoch+1, history[s.BestEpoch].Step, 100*s.BestValAccuracy, kept)}
	}
	path, err := snapshot.Best(layout.Checkpoints())
	if errors.Is(err, fs.ErrNotExist) && len(history) > 0 {
		return "", lost("nor is that of any other epoch")
	}
	if err != nil {
		return "", err
	}
	m, err := snapshot.Check(path)
	if err != nil {
		return "", err
	}
	if *m.ValAccuracy < Summarize(history).BestValAccuracy {
		return "", lost(fmt.Sprintf("of those that are, the best is of epoch %d, with %.2f %%", m.Epoch, 100**m.ValAccuracy))
	}
	return path, nil
}
