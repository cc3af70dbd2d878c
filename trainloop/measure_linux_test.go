package trainloop

import (
	"errors"
	"testing"

	"onnxlab/onnxmodels"
)

// TestMeasureWithoutMemory: what trains no more than it measures is refused
// like a run, before the system ends the process. Only Linux tells what is
// free.
func TestMeasureWithoutMemory(t *testing.T) {
	o := small(t)
	o.Experiment.Model.Widths = []int{1 << 20, 1 << 20} // 10^13 parameters
	_, stepper := NewStepper(o.Experiment, 8, 8, onnxmodels.TargetCPU)
	_, epoch := NewEpochStepper(o.Experiment, o.Train)
	for name, err := range map[string]error{"steps": stepper, "epoch": epoch} {
		var setting *SettingError
		if !errors.As(err, &setting) || setting.Key != "model.widths" {
			t.Errorf("%s: %v, want a *SettingError of model.widths", name, err)
		}
	}
}
