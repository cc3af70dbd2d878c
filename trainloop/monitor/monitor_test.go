package monitor

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// TestEarlyStoppingOfKeras compares with the epochs at which Keras's callback stopped, and
// of which it restored the weights, in the output of ../schedule/testdata/reference.py.
func TestEarlyStoppingOfKeras(t *testing.T) {
	text, err := os.ReadFile("../schedule/testdata/schedules.json")
	if err != nil {
		t.Fatal(err)
	}
	var ref struct {
		Watched map[string][]float64
		Stops   map[string]struct {
			Quantity string
			Patience int
			MinDelta float64 `json:"min_delta"`
			Stop
		}
	}
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	if len(ref.Stops) != 5 {
		t.Errorf("%d recorded stops", len(ref.Stops))
	}
	for name, c := range ref.Stops {
		s := Stopping{Monitor{c.Quantity, c.MinDelta}, c.Patience}
		values := ref.Watched[c.Quantity]
		if got := s.After(values); len(values) != 50 || got != c.Stop {
			t.Errorf("%s: %+v, want %+v", name, got, c.Stop)
		}
		// Only the epochs up to the last one decide; later ones change nothing.
		for n := range c.Epoch {
			if got := s.After(values[:n]); got.Stopped {
				t.Errorf("%s: stopped after %d epochs", name, n)
			}
		}
	}
}

func TestStoppingSeams(t *testing.T) {
	loss := Monitor{Quantity: configs.ValLoss}
	for _, c := range []struct {
		stopping Stopping
		values   []float64
		want     Stop
	}{
		{Stopping{loss, 2}, nil, Stop{}},
		{Stopping{loss, 1}, []float64{1}, Stop{}},
		{Stopping{loss, 1}, []float64{1, 1}, Stop{Stopped: true, Epoch: 1}},
		{Stopping{loss, 2}, []float64{1, 1, 0.5}, Stop{Best: 2}},
		{Stopping{loss, 0}, []float64{1, 2, 3}, Stop{}},
		{Stopping{Monitor{configs.ValLoss, 0.5}, 2}, []float64{2, 1.5, 1.25}, Stop{Best: 2}}, // 1.5 is better by exactly the delta
		{Stopping{Monitor{configs.ValAccuracy, 0.25}, 9}, []float64{0.25, 0.5, 0.75}, Stop{Best: 2}},
	} {
		if got := c.stopping.After(c.values); got != c.want {
			t.Errorf("%+v of %v: %+v, want %+v", c.stopping, c.values, got, c.want)
		}
	}
}

func TestValues(t *testing.T) {
	history := []rundir.Epoch{{ValLoss: 2, ValAccuracy: 0.25}, {ValLoss: 1, ValAccuracy: 0.5}}
	for quantity, want := range map[string][]float64{configs.ValLoss: {2, 1}, configs.ValAccuracy: {0.25, 0.5}} {
		if got := (Monitor{Quantity: quantity}).Values(history); !slices.Equal(got, want) {
			t.Errorf("%s: %v", quantity, got)
		}
	}
}
