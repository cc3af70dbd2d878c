package trainloop

import (
	"testing"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/ort/lossscale"
	"onnxlab/trainloop/snapshot"
)

// TestLossScaleGoesOn checks that a resumed run uses the loss scale of its snapshot, and a
// new one the initial scale.
func TestLossScaleGoesOn(t *testing.T) {
	o := small(t)
	o.Experiment.Runtime.Precision = configs.MixedFloat16
	height, width := o.Train.Size()
	n, err := Network(o.Experiment, height, width)
	if err != nil {
		t.Fatal(err)
	}
	state := checkpoint.Encode(n.Initialize(1))
	for _, c := range []struct {
		at   *lossscale.Scale
		want lossscale.Scale
	}{
		{nil, lossscale.Scale{Factor: 65536, Steps: 1}},
		{&lossscale.Scale{Factor: 512, Steps: 7}, lossscale.Scale{Factor: 512, Steps: 8}},
	} {
		s, err := newSteps(o.Experiment, o.Train, n, snapshot.Manifest{LossScale: c.at}, state, onnxmodels.TargetCUDA)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.optimize(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if got := s.trainer.LossScale(); got == nil || *got != c.want {
			t.Errorf("from %+v on: %+v after a step, want %+v", c.at, got, c.want)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSkippedSteps checks that the summary counts the skipped steps, here those at loss
// scales at which no gradient stays finite.
func TestSkippedSteps(t *testing.T) {
	o := small(t)
	r, err := start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := r.steps.close(); err != nil {
		t.Fatal(err)
	}
	e := o.Experiment
	e.Runtime.Precision = configs.MixedFloat16
	at := snapshot.Manifest{LossScale: &lossscale.Scale{Factor: 1e39, Skipped: 1}}
	state := checkpoint.Encode(r.network.Initialize(1))
	if r.steps, err = newSteps(e, o.Train, r.network, at, state, onnxmodels.TargetCUDA); err != nil {
		t.Fatal(err)
	}
	for range e.Train.Epochs {
		if err := r.epoch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s, err := r.finish()
	if err != nil {
		t.Fatal(err)
	}
	if want := r.trainer.LossScale().Skipped; s.SkippedSteps != want || want < 3 {
		t.Errorf("the summary has %d skipped steps, the session %d", s.SkippedSteps, want)
	}
}

// TestMixedIsForCUDA checks that only the target for GPUs uses mixed precision.
func TestMixedIsForCUDA(t *testing.T) {
	e := configs.Default()
	e.Runtime.Device = "cuda"
	for _, precision := range []configs.Precision{configs.Float32, configs.MixedFloat16} {
		e.Runtime.Precision = precision
		for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
			want := precision == configs.MixedFloat16 && target == onnxmodels.TargetCUDA
			if got := trainingOptions(e, target).Mixed; got != want {
				t.Errorf("%s for %s: mixed precision %v, want %v", precision, target, got, want)
			}
		}
	}
}
