package trainloop

import (
	"testing"

	"onnxlab/internal/ownprocess"
	"onnxlab/onnxmodels"
)

// TestStepsPlanNoMemory checks that ONNX Runtime does not plan the memory of steps ahead
// (SetMemPattern). Steps of 256 images take 158 MB, but 280 MB with planning. The test runs
// in its own process, so that no memory of other tests counts.
func TestStepsPlanNoMemory(t *testing.T) {
	if !ownprocess.Is(t) {
		if err := ownprocess.Run(t, nil); err != nil {
			t.Fatal(err)
		}
		return
	}
	o := small(t, "model.widths=[16,32,64]", "model.convolutions=3", "train.batch_size=256", "data.train=256")
	before := residentMemory(t)
	p, err := Prepare(o.Experiment, 32, 32, onnxmodels.TargetCPU)
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := p.NewTrainer()
	if err != nil {
		t.Fatal(err)
	}
	defer trainer.Close()
	images, labels := trainer.Batch()
	copy(images, o.Train.Pixels)
	for i := range labels {
		labels[i] = int64(o.Train.Label(i))
	}
	for range 3 {
		if _, err := trainer.Step(images, labels, 0.001, 0); err != nil {
			t.Fatal(err)
		}
	}
	if taken := residentMemory(t) - before; taken < 100 || taken > 220 {
		t.Errorf("three steps took %.0f MB", taken)
	}
}
