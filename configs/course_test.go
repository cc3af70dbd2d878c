package configs

import (
	"strings"
	"testing"
)

// TestHashOfCourses checks that the settings of early stopping and of plateaus change the
// hash only if they have an effect.
func TestHashOfCourses(t *testing.T) {
	for condition, keys := range map[string][]string{
		"train.stop_patience=7":  {"train.stop_patience=8", "train.stop_min_delta=0.1", "train.stop_monitor=val_accuracy", "train.stop_restore_best=true"},
		"schedule.kind=plateau":  {"schedule.monitor=val_accuracy", "schedule.patience=3", "schedule.cooldown=2", "schedule.min_delta=0.1", "schedule.min_rate=1e-3", "schedule.decay_factor=0.5"},
		"schedule.kind=constant": nil,
	} {
		load := func(sets ...string) *Experiment {
			e, err := Load("", append([]string{condition}, sets...))
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		e := load()
		if e.Hash() == Default().Hash() {
			t.Errorf("%s has the same hash as the default", condition)
		}
		for _, set := range keys {
			other := load(set)
			key, _, _ := strings.Cut(set, "=")
			if diff := Diff(*e, *other); e.Hash() == other.Hash() || len(diff) != 1 || diff[0].Key != key {
				t.Errorf("%s with %s: diff %v", condition, set, diff)
			}
		}
	}
	unheeded, err := Load("", []string{"schedule.patience=3", "train.stop_min_delta=0.1"})
	if err != nil || unheeded.Hash() != Default().Hash() {
		t.Errorf("settings without an effect change the hash, error %v", err)
	}
}

func TestCourseFaults(t *testing.T) {
	for text, want := range map[string]string{
		"schedule: {kind: plateau}\noptimizer: {momentum_correction: true}\n": "FILE:1:18: schedule.kind: plateau cannot be combined with optimizer.momentum_correction, which needs the rates of all steps before the first one: set that to false",
		"schedule: {kind: plateau, decay_factor: 1}\n":                        "FILE:1:41: schedule.decay_factor: with 1, schedule.kind plateau never lowers the rate: set it below 1",
		"schedule: {kind: plateau, patience: 0}\n":                            "FILE:1:37: schedule.patience: 0 is outside 1..1000000",
		"schedule: {kind: exponential}\n":                                     "FILE:1:18: schedule.decay_factor: with 0.1 after every epoch, the rate is 0 from about epoch 45 of train.epochs 100 on: schedule.kind exponential needs a factor near 1, such as 0.95",
		"schedule: {kind: exponential, decay_factor: 0.95}\n":                 "",
		"schedule: {kind: exponential}\ntrain: {epochs: 45}\n":                "",
		"schedule: {kind: exponential, decay_factor: 1}\n":                    "",
		"train: {stop_restore_best: true}\n":                                  "FILE:1:28: train.stop_restore_best: it does nothing without train.stop_patience, which is 0: set that to the number of epochs without an improvement after which to stop, or to train.epochs to never stop early",
		"train: {stop_restore_best: true, stop_patience: 3}\n":                "",
		"train: {stop_monitor: loss}\n":                                       `FILE:1:23: train.stop_monitor: "loss" is not one of val_loss, val_accuracy`,
		"train: {early_stopping: {patience: 3}}\n":                            `FILE:1:9: unknown key "train.early_stopping" (known: epochs, batch_size, replicas, micro_batch, loss, label_smoothing, balance, class_weights, cache_features, checkpoint_steps, keep_checkpoints, stop_patience, stop_min_delta, stop_monitor, stop_restore_best)`,
	} {
		if got := strings.Join(problems(t, text), "\n"); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}
