package trainloop

import (
	"errors"
	"math"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/trainloop/rundir"
)

// ownNetwork returns a small network with dropout and this many filters, which no
// experiment can describe.
func ownNetwork(t *testing.T, size, filters, classes int, rate float32) *onnxmodels.Network {
	t.Helper()
	n, err := onnxmodels.NewNetwork(size, size,
		onnxmodels.Conv("conv", onnxmodels.ConvOptions{Filters: filters, Kernel: 3, Stride: 2, NoBias: true}),
		onnxmodels.BatchNorm("norm", onnxmodels.BatchNormOptions{Momentum: 0.9}), onnxmodels.ReLU("relu"),
		onnxmodels.GlobalAveragePool("pool"), onnxmodels.Dropout("drop", rate), onnxmodels.Dense("dense", classes))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOwnNetwork checks that a network supplied by the program is trained in the same loop,
// and is resumed exactly, but only with the same network.
func TestOwnNetwork(t *testing.T) {
	o := small(t, "model.batchnorm.statistics=keras")
	o.Network = ownNetwork(t, 32, 6, 10, 0.25)
	s := mustRun(t, o)
	if total, _ := o.Network.Count(); s.Parameters != total || s.Epochs != 3 {
		t.Errorf("summary %+v, want %d parameters", s, total)
	}
	if want := math.Pow(0.9, 12); math.Abs(s.InitialStatistics-want) > 1e-6 {
		t.Errorf("the share of initial values in the running statistics is %v, want %v", s.InitialStatistics, want)
	}
	e, err := rundir.ReadConfig(o.Dir)
	if err != nil || e.Model.Kind != configs.KindOwn || e.Model.Classes != 10 {
		t.Errorf("the run kept the model %+v, error %v", e.Model, err)
	}
	want, err := o.Network.Fingerprint(o.Experiment.Seed)
	if kept, err2 := rundir.ReadEnvironment(o.Dir); err != nil || err2 != nil || kept.Network != want || len(want) != 64 {
		t.Errorf("the run kept the network %q, want %q, errors %v and %v", kept.Network, want, err, err2)
	}

	cut := beside(o, "cut")
	cutAfter(t, cut, 5)
	cut.Resume = true
	var mismatch *Mismatch
	for name, other := range map[string]*onnxmodels.Network{
		"filters": ownNetwork(t, 32, 7, 10, 0.25), "rate": ownNetwork(t, 32, 6, 10, 0.3),
	} {
		resumed := cut
		resumed.Network = other
		if _, err := Run(t.Context(), resumed); !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "network: fingerprint") {
			t.Errorf("with another network (%s): %v", name, err)
		}
	}
	study := cut
	study.Network = nil
	if _, err := Run(t.Context(), study); !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "model.kind: own became cnn") {
		t.Errorf("without its network: %v", err)
	}
	cut.Network = ownNetwork(t, 32, 6, 10, 0.25) // made again, as by another process
	mustRun(t, cut)
	sameOutcome(t, o.Dir, cut.Dir)
}

func TestOwnNetworkRefusals(t *testing.T) {
	given, err := Given(configs.Model{Path: givenModel("training"), Head: configs.HeadKeep, BatchNorm: configs.BatchNorm{Mode: configs.BatchNormAuto}}, 12, 12, false)
	if err != nil {
		t.Fatal(err)
	}
	for want, n := range map[string]*onnxmodels.Network{
		"network: it takes images of 16x16 pixels": ownNetwork(t, 16, 4, 10, 0),
		"model.classes: 3, but the data has 10":    ownNetwork(t, 32, 4, 3, 0),
		"model.classes: 5, but the data has 10":    given,
	} {
		o := small(t)
		o.Network = n
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
	o := smallGiven(t, "training")
	o.Network, o.Train = given, fiveClasses(o)
	o.Validation = o.Train
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "set onnxmodels.GivenOptions.Normalization") {
		t.Errorf("a network that does not take bytes: %v", err)
	}
	e := configs.Default()
	e.Model.Kind = configs.KindOwn
	var setting *SettingError
	if _, err := Network(e, 32, 32); !errors.As(err, &setting) || setting.Key != "model.kind" {
		t.Errorf("without a network from the program: %v", err)
	}
}
