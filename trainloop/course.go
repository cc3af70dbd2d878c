package trainloop

import (
	"fmt"

	"onnxlab/configs"
	"onnxlab/trainloop/monitor"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/schedule"
	"onnxlab/trainloop/snapshot"
)

// learn gives the schedule the history so far.
func (r *run) learn() {
	r.schedule = r.schedule.Given(schedule.Monitor(r.Experiment.Schedule).Values(r.history))
}

// ended reports whether the run is over, since all epochs are done or it stops early.
func (r *run) ended() bool {
	return r.at.Epoch >= r.Experiment.Train.Epochs || stopOf(r.Experiment.Train, r.history).Stopped
}

// stopOf decides from the history whether a run stops early.
func stopOf(t configs.Train, history []rundir.Epoch) monitor.Stop {
	s := monitor.Stopping{
		Monitor:  monitor.Monitor{Quantity: t.StopMonitor, MinDelta: t.StopMinDelta},
		Patience: t.StopPatience,
	}
	return s.After(s.Values(history))
}

// stopReason says in words why a run with these settings stops early.
func stopReason(t configs.Train) string {
	by, epochs := "", "epochs"
	if t.StopMinDelta > 0 {
		by = fmt.Sprintf(" by more than %g", t.StopMinDelta)
	}
	if t.StopPatience == 1 {
		epochs = "epoch"
	}
	return fmt.Sprintf("%s did not improve%s for %d %s", t.StopMonitor, by, t.StopPatience, epochs)
}

// restores returns the epoch, counted from 0, whose parameters the trained model has. ok is
// false if that is simply the last epoch.
func restores(t configs.Train, history []rundir.Epoch) (epoch int, ok bool) {
	return stopOf(t, history).Best, t.StopRestoreBest && t.StopPatience > 0 && len(history) > 0
}

// TrainedSnapshot returns the path of the snapshot that holds the parameters of the trained
// model of the run in dir: the latest snapshot or, with train.stop_restore_best, that of
// the best epoch.
func TrainedSnapshot(dir string) (string, error) {
	e, err := rundir.ReadConfig(dir)
	if err != nil {
		return "", err
	}
	layout := rundir.Layout{Dir: dir}
	if !e.Train.StopRestoreBest {
		return trainedSnapshot(layout, e.Train, nil)
	}
	history, err := rundir.ReadHistory(layout.History())
	if err != nil {
		return "", err
	}
	return trainedSnapshot(layout, e.Train, history)
}

func trainedSnapshot(l rundir.Layout, t configs.Train, history []rundir.Epoch) (string, error) {
	epoch, ok := restores(t, history)
	if !ok {
		_, path, _, err := snapshot.Latest(l.Checkpoints())
		return path, err
	}
	path := snapshot.Path(l.Checkpoints(), history[epoch].Step)
	if _, err := snapshot.Check(path); err != nil {
		return "", &rundir.DataError{Path: path, Message: fmt.Sprintf("the best epoch, %d, cannot be restored: %v", epoch+1, err)}
	}
	return path, nil
}

// keptSteps returns the steps whose snapshots must not be pruned.
func (r *run) keptSteps() []int {
	if epoch, ok := restores(r.Experiment.Train, r.history); ok {
		return []int{r.history[epoch].Step}
	}
	return nil
}

// summarizeCourse adds to the summary whether the run stopped early, and from which epoch
// its model is.
func summarizeCourse(s *rundir.Summary, t configs.Train, history []rundir.Epoch) {
	if stop := stopOf(t, history); stop.Stopped && stop.Epoch+1 < t.Epochs {
		s.StoppedEpoch, s.StopReason = &stop.Epoch, stopReason(t)
	}
	if epoch, ok := restores(t, history); ok {
		s.RestoredEpoch, s.RestoredValAccuracy = &epoch, &history[epoch].ValAccuracy
	}
}
