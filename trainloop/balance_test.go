package trainloop

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/onnxmodels"
)

// TestWeights checks the weights of classes with 1, 3, 0 and 4 images. They are N/(K·n), as
// from scikit-learn's compute_class_weight("balanced") for the three classes that have
// images.
func TestWeights(t *testing.T) {
	e := configs.Default()
	set := &dataset.Set{Classes: []string{"a", "b", "c", "d"}, Labels: []int32{3, 1, 1, 0, 3, 1, 3, 3}}
	if got := withWeights(e, set); got.Train.ClassWeights != nil {
		t.Errorf("weights %v without balance", got.Train.ClassWeights)
	}
	e.Train.Balance = configs.BalanceWeights
	got := withWeights(e, set)
	if want := []float64{8. / 3, 8. / 9, 0, 8. / 12}; !slices.Equal(got.Train.ClassWeights, want) || got.Train.Balance != configs.BalanceNone {
		t.Errorf("weights %v, want %v", got.Train.ClassWeights, want)
	}
}

// TestWeightsNeedImages checks that artifacts cannot take weights from images that are not
// there, and that the error says what to do.
func TestWeightsNeedImages(t *testing.T) {
	e := configs.Default()
	e.Train.Balance = configs.BalanceWeights
	var setting *SettingError
	if _, err := Artifacts(nil, e, 1, onnxmodels.TargetPortable); !errors.As(err, &setting) || setting.Key != "train.balance" {
		t.Errorf("error %v", err)
	}
	if _, err := Prepare(small(t, "train.balance=weights").Experiment, 8, 8, onnxmodels.TargetPortable); err != nil {
		t.Errorf("measuring needs no images, but: %v", err)
	}
}

// TestBalancedRuns checks that each kind of balance and of mixing leads to a different
// model, and that interrupted runs end in the same model as others.
func TestBalancedRuns(t *testing.T) {
	var models [][]byte
	for _, sets := range [][]string{
		nil,
		{"train.balance=weights"},
		{"train.balance=sampling"},
		{"train.class_weights=[1,2,1,1,1,1,1,1,1,0.5]"},
		{"augment.mixup=0.3", "train.micro_batch=32"},
		{"augment.cutmix=1", "train.balance=weights"},
		{"augment.mixup=0.3", "augment.cutmix=1", "train.balance=sampling", "train.label_smoothing=0.1"},
	} {
		o := small(t, sets...)
		mustRun(t, o)
		if sets != nil {
			endsTheSame(t, o, 3, 9)
		}
		model, _ := outcome(t, o.Dir)
		for _, other := range models {
			if bytes.Equal(model, other) {
				t.Errorf("%v leads to the same model as other settings", sets)
			}
		}
		models = append(models, model)
	}
}
