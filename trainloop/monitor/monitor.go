// Package monitor follows a quantity of a run's history, val_loss or
// val_accuracy, and decides from it whether the run still improves.
//
//	m := monitor.Monitor{Quantity: configs.ValLoss, MinDelta: 1e-3}
//	stopping := monitor.Stopping{Monitor: m, Patience: 5}
//	stop := stopping.After(m.Values(history))
//	if stop.Stopped { … }
//
// Everything here is a pure function of the history, which a run keeps in
// history.csv. A run that was interrupted and resumed therefore decides as if it had
// never been interrupted.
package monitor

import (
	"math"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// Monitor is a quantity and the smallest change of it that counts as an improvement,
// as in Keras's callbacks and in PyTorch's ReduceLROnPlateau with threshold_mode "abs".
type Monitor struct {
	// Quantity is configs.ValLoss, which should fall, or configs.ValAccuracy,
	// which should rise.
	Quantity string
	// MinDelta is 0 or more. Only a change of more than MinDelta is an improvement.
	MinDelta float64
}

// Values returns the quantity after each epoch of the history.
func (m Monitor) Values(history []rundir.Epoch) []float64 {
	values := make([]float64, len(history))
	for i, e := range history {
		if values[i] = e.ValLoss; m.rises() {
			values[i] = e.ValAccuracy
		}
	}
	return values
}

// Improves reports whether a value is better than the best one so far by more
// than MinDelta.
func (m Monitor) Improves(value, best float64) bool {
	if m.rises() {
		return value-m.MinDelta > best
	}
	return value+m.MinDelta < best
}

// Worst returns an infinity that every value improves on.
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
	// Patience is the number of epochs in a row without an improvement after which the
	// run ends. With 0 it never ends early; in Keras, 0 means the same as 1.
	Patience int
}

// Stop is the result of applying a Stopping to a history.
type Stop struct {
	// Stopped reports whether the run ends early, after Epoch, counted from 0.
	Stopped bool
	Epoch   int
	// Best is the last epoch that was an improvement, counted from 0. With a MinDelta
	// above 0, other epochs may have a slightly better value.
	Best int
}

// After decides whether a run ends early after one of the epochs with these values. It
// ignores later values.
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
