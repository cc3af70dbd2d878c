package configs

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// Every file in this folder must load and be what its name says. Files without runs are for
// single runs, and have no sweep.
func TestShippedExperiments(t *testing.T) {
	for name, c := range map[string]struct {
		recipe                 string
		warmup, runs, replicas int
	}{
		"base":       {"medium", 0, 0, 8},
		"none":       {"none", 0, 0, 8},
		"medium":     {"medium", 0, 0, 8},
		"strong":     {"strong", 0, 0, 8},
		"warmup":     {"medium", 5, 0, 8},
		"shift-only": {"shift", 0, 0, 8},
		"study":      {"medium", 0, 28, 8},
		"quickstart": {"medium", 0, 48, 1},
		"digits":     {"medium", 0, 84, 1},
		"mnist":      {"strong", 0, 3, 1},
		"synthetic":  {"medium", 0, 16, 1},
		"remedies":   {"medium", 0, 90, 1},
		"laptop":     {"medium", 0, 60, 1},
		"resnet":     {"medium", 0, 4, 1},
		"smoke":      {"strong", 1, 4, 2},
		"folder":     {"medium", 0, 0, 1},
	} {
		r, err := LoadResolved(name+".yaml", nil)
		if err != nil {
			t.Error(err)
			continue
		}
		e := r.Experiment
		if e.Name != name || e.Augment.Recipe != c.recipe || e.Schedule.WarmupEpochs != c.warmup || e.Train.Replicas != c.replicas {
			t.Errorf("%s: %+v", name, e)
		}
		if r.GivesSweep() != (c.runs > 0) {
			t.Errorf("%s gives a sweep: %v", name, r.GivesSweep())
		}
		if cells, err := e.Cells(); err != nil || c.runs > 0 && len(cells) != c.runs {
			t.Errorf("%s: %d runs, want %d, %v", name, len(cells), c.runs, err)
		}
	}
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) != 16 {
		t.Errorf("untried files among %q, %v", files, err)
	}
}

// study.yaml and its base spell out the study's settings, which are also the defaults,
// except for the data and the replicas.
func TestStudyIsTheDefault(t *testing.T) {
	e, err := Load("study.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Name, want.Data.Source, want.Train.Replicas = "study", "cifar10", 8
	if !reflect.DeepEqual(*e, want) {
		t.Errorf("differs in %v", Diff(want, *e))
	}
	if !slices.Equal(e.Sweep.BatchSizes, want.Sweep.BatchSizes) {
		t.Error(e.Sweep.BatchSizes)
	}
}
