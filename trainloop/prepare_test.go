package trainloop

import (
	"context"
	"errors"
	"testing"

	"onnxlab/trainloop/rundir"
)

// TestSteps compares single steps with the steps of a run: they have the same batches,
// rates and losses.
func TestSteps(t *testing.T) {
	o := small(t)
	mustRun(t, o)
	history, err := rundir.ReadHistory(rundir.Layout{Dir: o.Dir}.History())
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSteps(t.Context(), o.Experiment, o.Train)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, epoch := range history {
		loss := 0.0
		for range s.PerEpoch() {
			result, _, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			loss += result.Loss
		}
		if loss /= float64(s.PerEpoch()); loss != epoch.Loss {
			t.Errorf("epoch %d: loss %v, want %v as in the run", epoch.Epoch, loss, epoch.Loss)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestNetworkNeedsClasses checks that the number of classes is required if there are no
// images.
func TestNetworkNeedsClasses(t *testing.T) {
	o := small(t)
	o.Experiment.Model.Classes = 0
	var setting *SettingError
	if _, err := Network(o.Experiment, 32, 32); !errors.As(err, &setting) || setting.Key != "model.classes" {
		t.Errorf("without data: %v, want a *SettingError", err)
	}
}
