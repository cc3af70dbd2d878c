// Package monitor follows a quantity of a run's history, val_loss or
// val_accuracy, and tells from it whether the run still gets better.
//
//	m := monitor.Monitor{Quantity: configs.ValLoss, MinDelta: 1e-3}
//	stopping := monitor.Stopping{Monitor: m, Patience: 5}
//	stop := stopping.After(m.Values(history))
//	if stop.Stopped { … }
//
// Everything here is a pure function of the history, which a run keeps in
// history.csv: a run that was interrupted and goes on decides as one that never
// was.
package monitor

import (
	"math"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// Monitor is a quantity and by how much it has to change to count as better, as
// Keras's callbacks and PyTorch's ReduceLROnPlateau with threshold_mode "abs"
// have it.
type Monitor struct {
	// Quantity is configs.ValLoss, which should fall, or configs.ValAccuracy,
	// which should rise.
	Quantity string
	// MinDelta is 0 or more. A change of exactly MinDelta is no improvement.
	MinDelta float64
}

// Values are the quantity after each epoch of the history.
func (m Monitor) Values(history []rundir.Epoch) []float64 {
	values := make([]float64, len(history))
	for i, e := range history {
		if values[i] = e.ValLoss; m.rises() {
			values[i] = e.ValAccuracy
		}
	}
	return values
}

// Improves tells whether a value is better than the best one so far by more
// than MinDelta.
func (m Monitor) Improves(value, best float64) bool {
	if m.rises() {
		return value-m.MinDelta > best
	}
	return value+m.MinDelta < best
}

// Worst is what every value is better than.
func (m Monitor) Worst() float64 {
	if m.rises() {
		return math.Inf(-1)
	}
	return math.Inf(1)
}

func (m Monitor) rises() bool { return m.Quantity == configs.ValAccuracy }

// Stopping ends a run whose quantity no longer improves, as Keras's
// EarlyStopping does.
type Stopping struct {
	Monitor
	// Patience is after how many epochs in a row without an improvement the run
	// ends. With 0 it never does, other than in Keras, where 0 is the same as 1.
	Patience int
}

// Stop is what a Stopping makes of a history.
type Stop struct {
	// Stopped tells that the run ends with Epoch, counted from 0.
	Stopped bool
	Epoch   int
	// Best is the epoch that was the last to improve on the best before, counted
	// from 0. With a MinDelta above 0 others may have a somewhat better value.
	Best int
}

// After tells whether a run ends with one of the epochs that have these values,
// of which it takes no more into account than up to that one.
func (s Stopping) After(values []float64) Stop {
	stop, best := Stop{}, s.Worst()
	for epoch, value := range values {
		if s.Improves(value, best) {
			best, stop.Best = value, epoch
		}
		if s.Patience > 0 && epoch-stop.Best >= s.Patience {
			stop.Stopped, stop.Epoch = true, epoch
			break
		}
	}
	return stop
}
