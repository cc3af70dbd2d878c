package configs

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestStatisticsFollowTheSource checks that folders of images get statistics that suit
// short runs, unless others are set, and that files from before there was a choice keep
// their meaning.
func TestStatisticsFollowTheSource(t *testing.T) {
	folder := "data: {source: folder, path: photos}\n"
	for text, want := range map[string]string{
		"seed: 1\n": StatisticsKeras,
		folder:      StatisticsRecalibrated,
		folder + "model: {batchnorm: {statistics: keras}}\n":     StatisticsKeras,
		folder + "model: {batchnorm: {statistics: corrected}}\n": StatisticsCorrected,
		folder + "model: {batchnorm: {momentum: 0.9}}\n":         StatisticsRecalibrated,
		"model: {batchnorm: {statistics: corrected}}\n":          StatisticsCorrected,
	} {
		path := write(t, text)
		e, err := Load(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Model.BatchNorm.Statistics; got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	e, err := Load("", []string{"data.source=folder", "data.path=photos"})
	if err != nil || e.Model.BatchNorm.Statistics != StatisticsRecalibrated {
		t.Errorf("by flags: %+v, %v", e, err)
	}
	if e, err = Read(write(t, folder)); err != nil || e.Model.BatchNorm != Default().Model.BatchNorm {
		t.Errorf("an earlier run's configuration: %+v, %v", e, err)
	}
	if r, err := LoadBegun(write(t, folder), []string{"model.batchnorm.momentum=0.9"}); err != nil || r.Experiment.Model.BatchNorm != (BatchNorm{0.9, 1e-3, StatisticsKeras, BatchNormAuto}) {
		t.Errorf("an earlier run that goes on: %+v, %v", r, err)
	}
	if e, err = Load("study.yaml", nil); err != nil || e.Model.BatchNorm != Default().Model.BatchNorm {
		t.Errorf("the study: %+v, %v", e, err)
	}
}

// TestBatchNormKeepsOldHashes checks that runs with the defaults of BatchNorm have the same
// hash as before these settings existed, so that they can be resumed.
func TestBatchNormKeepsOldHashes(t *testing.T) {
	same, other := Default(), Default()
	other.Model.BatchNorm.Statistics = StatisticsCorrected
	for _, s := range newKeys().settings {
		if strings.HasPrefix(s.key, "model.batchnorm.") && s.key != "model.batchnorm.mode" && (s.decides(&same) || !s.decides(&other)) {
			t.Errorf("%s changes the hash of the defaults, or never changes it", s.key)
		}
	}
}

func TestBatchNormSection(t *testing.T) {
	e, err := Load(write(t, "model:\n  batchnorm:\n    # momentum: 0.9\n"), []string{"model.batchnorm.epsilon=1e-5"})
	if err != nil || e.Model.BatchNorm != (BatchNorm{0.99, 1e-5, StatisticsKeras, BatchNormAuto}) {
		t.Errorf("%+v, %v", e, err)
	}
	t.Setenv("ONNXLAB_MODEL_BATCHNORM_MOMENTUM", "0.95")
	if e, err = Load("", nil); err != nil || e.Model.BatchNorm.Momentum != 0.95 {
		t.Errorf("by the environment: %+v, %v", e, err)
	}
	t.Setenv("ONNXLAB_MODEL_BATCHNORM_MOMENTUM", "")
	for text, want := range map[string]string{
		"model: {batchnorm: {momentum: 1}}\n":                         `FILE:1:31: model.batchnorm.momentum: 1 is outside 0..1, both excluded`,
		"model: {batchnorm: {epsilon: 0}}\n":                          `FILE:1:30: model.batchnorm.epsilon: 0 is outside 0..1, 0 excluded`,
		"model: {batchnorm: {statistics: moving}}\n":                  `FILE:1:33: model.batchnorm.statistics: "moving" is not one of keras, corrected, recalibrated`,
		"model: {batchnorm: {momentun: 0.9}}\n":                       `FILE:1:21: unknown key "model.batchnorm.momentun" (did you mean "model.batchnorm.momentum"?)`,
		"model: {batchnorm: {colour: red}}\n":                         `FILE:1:21: unknown key "model.batchnorm.colour" (known: momentum, epsilon, statistics, mode)`,
		"model: {batchnorm: keras}\n":                                 `FILE:1:20: model.batchnorm.mode: "keras" is not one of auto, train, freeze`,
		"schedule: {momentum: 0.9}\n":                                 `FILE:1:12: unknown key "schedule.momentum" (did you mean "optimizer.momentum"?)`,
		"model: {colour: red}\n":                                      `FILE:1:9: unknown key "model.colour" (known: kind, path, head, train, normalize, form, depth, width_factor, strides, activation, dropout, widths, convolutions, classes, batchnorm)`,
		"model: {statistics: corrected}\n":                            `FILE:1:9: unknown key "model.statistics" (did you mean "model.batchnorm.statistics"?)`,
		"model: {batchnorm: {epsilon: 1}, batchnorm: {epsilon: 1}}\n": `FILE:1:34: duplicate key "model.batchnorm": it is already on line 1`,
	} {
		path := write(t, text)
		_, err := Load(path, nil)
		if err == nil || strings.ReplaceAll(err.Error(), path, "FILE") != want {
			t.Errorf("%q:\n%v, want\n%s", text, err, want)
		}
	}
	for set, want := range map[string]string{
		"model.batchnorm=keras":    `--set model.batchnorm=keras: model.batchnorm.mode: "keras" is not one of auto, train, freeze`,
		"model.batchnorm.colour=1": `--set model.batchnorm.colour=1: unknown key "model.batchnorm.colour" (known: momentum, epsilon, statistics, mode)`,
	} {
		if _, err := Load("", []string{set}); err == nil || err.Error() != want {
			t.Errorf("%s:\n%v, want\n%s", set, err, want)
		}
	}
}

// TestBatchNormInConditions checks that the conditions of a sweep may set it.
func TestBatchNormInConditions(t *testing.T) {
	e, err := Load(write(t, "sweep: {conditions: [a, b], definitions: {a: {model: {batchnorm: {statistics: corrected}}}, b: {model: {batchnorm: {momentum: 0.9}}}}}\n"),
		[]string{"sweep.definitions.b.model.batchnorm.statistics=recalibrated"})
	if err != nil {
		t.Fatal(err)
	}
	var got []BatchNorm
	for _, name := range e.Sweep.Conditions {
		cell, err := e.Cell(name, 128, 1)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, cell.Model.BatchNorm)
	}
	if want := []BatchNorm{{0.99, 1e-3, StatisticsCorrected, BatchNormAuto}, {0.9, 1e-3, StatisticsRecalibrated, BatchNormAuto}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestKeepsInitial(t *testing.T) {
	for _, c := range []struct {
		b     BatchNorm
		steps int
		want  float64
	}{
		{BatchNorm{0.99, 1e-3, StatisticsKeras, BatchNormAuto}, 48, 0.6172901},
		{BatchNorm{0.99, 1e-3, StatisticsKeras, BatchNormAuto}, 192, 0.1451969},
		{BatchNorm{0.9, 1e-3, StatisticsKeras, BatchNormAuto}, 48, 0.0063628},
		{BatchNorm{0.99, 1e-3, StatisticsKeras, BatchNormAuto}, 0, 1},
		{BatchNorm{0.99, 1e-3, StatisticsCorrected, BatchNormAuto}, 48, 0},
		{BatchNorm{0.99, 1e-3, StatisticsRecalibrated, BatchNormAuto}, 48, 0},
	} {
		if got := c.b.KeepsInitial(c.steps); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%+v keeps %v after %d steps, want %v", c.b, got, c.steps, c.want)
		}
	}
}

// TestBatchNormMode checks that a single word in place of the section sets the mode.
func TestBatchNormMode(t *testing.T) {
	e, err := Load(write(t, "model: {batchnorm: freeze}\n"), nil)
	if want := Default().Model.BatchNorm; err != nil || e.Model.BatchNorm != (BatchNorm{want.Momentum, want.Epsilon, want.Statistics, BatchNormFreeze}) {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err = Load("", []string{"model.batchnorm=train"}); err != nil || e.Model.BatchNorm.Mode != BatchNormTrain {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err = Load(write(t, "model: {batchnorm: thaw}\n"), nil); err == nil || !strings.Contains(err.Error(), "model.batchnorm.mode") {
		t.Errorf("error %v", err)
	}
}

// TestBatchNormOfKinds checks that the networks of PyTorch have PyTorch's defaults unless
// others are set.
func TestBatchNormOfKinds(t *testing.T) {
	for text, want := range map[string]BatchNorm{
		"model: {kind: cnn}\n":       {0.99, 1e-3, StatisticsKeras, BatchNormAuto},
		"model: {kind: resnet}\n":    {0.9, 1e-5, StatisticsKeras, BatchNormAuto},
		"model: {kind: mobilenet}\n": {0.9, 1e-5, StatisticsKeras, BatchNormAuto},
		"model: {kind: resnet, batchnorm: {momentum: 0.99}}\ndata: {source: folder}\n": {0.99, 1e-5, StatisticsRecalibrated, BatchNormAuto},
	} {
		e, err := Load(write(t, text), nil)
		if err != nil {
			t.Fatal(err)
		}
		if e.Model.BatchNorm != want {
			t.Errorf("%q gives %+v, want %+v", text, e.Model.BatchNorm, want)
		}
	}
}
