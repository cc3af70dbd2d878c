package trainloop

import (
	"errors"
	"slices"
	"testing"

	"onnxlab/configs"
	"onnxlab/dataset"
)

// smallMulti is like small, with images that have none, one or two classes, which show as
// colours.
func smallMulti(t *testing.T, sets ...string) Options {
	t.Helper()
	o := small(t, append([]string{"train.loss=binary_cross_entropy", "augment.recipe=none", "optimizer.kind=adam", "optimizer.learning_rate=0.01", "schedule.warmup_epochs=0"}, sets...)...)
	set := &dataset.Set{Name: "own", Classes: []string{"red", "green", "blue"}, Height: 8, Width: 8}
	for i := range 96 {
		has := []uint8{uint8(i & 1), uint8(i >> 1 & 1), uint8(i >> 2 & 1)}
		for range set.Height * set.Width {
			for _, target := range has {
				set.Pixels = append(set.Pixels, 40+120*target+uint8(i))
			}
		}
		set.Targets = append(set.Targets, has...)
		set.Labels = append(set.Labels, int32(max(slices.Index(has, 1), 0)))
	}
	o.Train, o.Validation, o.Experiment.Model.Classes = set, set, 0
	return o
}

// TestMultiLabel checks that a network learns images that may have several classes, also if
// images are mixed, and that an interrupted run ends with the same bytes.
func TestMultiLabel(t *testing.T) {
	for _, sets := range [][]string{
		{"train.epochs=12"},
		{"train.epochs=12", "train.loss=mean_squared_error", "train.micro_batch=16"},
		{"train.epochs=3", "augment.mixup=0.3", "augment.cutmix=1", "optimizer.ema_decay=0.9"},
	} {
		o := smallMulti(t, sets...)
		s := mustRun(t, o)
		if o.Experiment.Train.Epochs == 12 && (s.ValF1 < 0.95 || s.ValMAP < 0.95) {
			t.Errorf("%v: F1 %v, mean average precision %v", sets, s.ValF1, s.ValMAP)
		}
		_, history := outcome(t, o.Dir)
		if last := history[len(history)-1]; !last.MultiLabel || last.ValF1 != s.ValF1 {
			t.Errorf("%v: history ends in %+v", sets, last)
		}
		endsTheSame(t, o, 2, 5)
	}
}

// TestMultiLabelMistakes checks that the errors for settings that need one class per image
// name the settings.
func TestMultiLabelMistakes(t *testing.T) {
	for key, change := range map[string]func(e *configs.Experiment){
		"train.loss":     func(e *configs.Experiment) { e.Train.Loss = configs.LossCrossEntropy },
		"train.balance":  func(e *configs.Experiment) { e.Train.Balance = configs.BalanceSampling },
		"diagnose.every": func(e *configs.Experiment) { e.Diagnose.Every = 1 },
	} {
		o := smallMulti(t)
		change(&o.Experiment)
		var wrong *SettingError
		if _, err := Run(t.Context(), o); !errors.As(err, &wrong) || wrong.Key != key {
			t.Errorf("%s: error %v", key, err)
		}
	}
	o := smallMulti(t)
	single := *o.Train
	single.Targets = nil
	o.Validation = &single
	if _, err := Run(t.Context(), o); err == nil {
		t.Error("validation images of one class each were accepted")
	}
}
