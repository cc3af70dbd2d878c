package measure

import (
	"errors"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/trainloop"
)

// TestMeasureWithoutMemory checks that measuring steps for which there is not enough memory
// is an error, as it is for a run, before the system kills the process. Only Linux reports
// the free memory.
func TestMeasureWithoutMemory(t *testing.T) {
	e, train := small(t)
	e.Model.Widths = []int{1 << 20, 1 << 20} // 10^13 parameters
	_, stepper := NewStepper(e, 8, 8, onnxmodels.TargetCPU)
	_, epoch := NewEpochStepper(t.Context(), e, train)
	for name, err := range map[string]error{"steps": stepper, "epoch": epoch} {
		var setting *trainloop.SettingError
		if !errors.As(err, &setting) || setting.Key != "model.widths" {
			t.Errorf("%s: %v, want a *SettingError of model.widths", name, err)
		}
	}
}
