package trainloop

import (
	"errors"
	"testing"

	"onnxlab/internal/ownprocess"
	"onnxlab/onnxmodels"
)

// TestMeasureWithoutMemory: what trains no more than it measures is refused
// like a run, before the system ends the process. Only Linux tells what is
// free.
func TestMeasureWithoutMemory(t *testing.T) {
	o := small(t)
	o.Experiment.Model.Widths = []int{1 << 20, 1 << 20} // 10^13 parameters
	_, stepper := NewStepper(o.Experiment, 8, 8, onnxmodels.TargetCPU)
	_, epoch := NewEpochStepper(t.Context(), o.Experiment, o.Train)
	for name, err := range map[string]error{"steps": stepper, "epoch": epoch} {
		var setting *SettingError
		if !errors.As(err, &setting) || setting.Key != "model.widths" {
			t.Errorf("%s: %v, want a *SettingError of model.widths", name, err)
		}
	}
}

// TestStepsPlanNoMemory: steps of 256 images take 158 MB. Where ONNX Runtime plans
// their memory ahead (SetMemPattern) they take 280 MB. A process of its own has no
// memory left of other tests.
func TestStepsPlanNoMemory(t *testing.T) {
	if !ownprocess.Is(t) {
		if err := ownprocess.Run(t, nil); err != nil {
			t.Fatal(err)
		}
		return
	}
	o := small(t, "model.widths=[16,32,64]", "model.convolutions=3", "train.batch_size=256", "data.train=256")
	before := residentMemory(t)
	s, err := NewStepper(o.Experiment, 32, 32, onnxmodels.TargetCPU)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 3 {
		if _, err := s.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if taken := residentMemory(t) - before; taken < 100 || taken > 220 {
		t.Errorf("three steps took %.0f MB", taken)
	}
}
