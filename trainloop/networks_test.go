package trainloop

import (
	"slices"
	"testing"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
)

// kinds has the settings of a small network of each kind, and of the study's network with
// its options.
var kinds = map[string][]string{
	"resnet cifar":    {"model.kind=resnet", "model.depth=8", "model.width_factor=0.5"},
	"resnet imagenet": {"model.kind=resnet", "model.form=imagenet", "model.depth=18", "model.width_factor=0.125"},
	"mobilenet":       {"model.kind=mobilenet", "model.width_factor=0.1", "model.strides=[1,2,2,2,1,1,1]", "model.dropout=0.2"},
	"cnn":             {"model.strides=[1,2]", "model.activation=gelu", "model.dropout=0.3"},
}

// TestKinds checks that each kind of network trains, and that a resumed run ends with the
// same bytes.
func TestKinds(t *testing.T) {
	for name, sets := range kinds {
		t.Run(name, func(t *testing.T) {
			o := small(t, append([]string{"train.epochs=2", "train.replicas=1", "schedule.decay_epochs=[]"}, sets...)...)
			s := mustRun(t, o)
			network, err := o.network()
			if err != nil {
				t.Fatal(err)
			}
			if total, _ := network.Count(); s.Parameters != total || s.Verification.LargestDifference > s.Verification.Tolerance {
				t.Errorf("summary %+v, want %d parameters", s, total)
			}
			cut := beside(o, "cut")
			cutAfter(t, cut, 5)
			cut.Resume = true
			mustRun(t, cut)
			sameOutcome(t, o.Dir, cut.Dir)
		})
	}
}

// TestTargetsOfDevices checks that the target of each device exists.
func TestTargetsOfDevices(t *testing.T) {
	targets := append(onnxmodels.Targets(), onnxmodels.TargetNative)
	for _, d := range configs.Devices() {
		if target := d.Traits().Target; !slices.Contains(targets, target) {
			t.Errorf("%s: target %q is none of %q", d, target, targets)
		}
	}
}
