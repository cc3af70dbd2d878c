package configs

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// Every file beside this package loads, and is what its name says.
func TestShippedExperiments(t *testing.T) {
	for name, c := range map[string]struct {
		recipe                 string
		warmup, runs, replicas int
	}{
		"none":       {"none", 0, 28, 8},
		"medium":     {"medium", 0, 28, 8},
		"strong":     {"strong", 0, 28, 8},
		"warmup":     {"medium", 5, 28, 8},
		"shift-only": {"shift", 0, 28, 8},
		"study":      {"medium", 0, 28, 8},
		"quickstart": {"medium", 0, 16, 1},
		"laptop":     {"medium", 0, 60, 1},
		"smoke":      {"strong", 1, 4, 2},
	} {
		e, err := Load(name+".yaml", nil)
		if err != nil {
			t.Error(err)
			continue
		}
		if e.Name != name || e.Augment.Recipe != c.recipe || e.Schedule.WarmupEpochs != c.warmup || e.Train.Replicas != c.replicas {
			t.Errorf("%s: %+v", name, e)
		}
		if cells, err := e.Cells(); err != nil || len(cells) != c.runs {
			t.Errorf("%s: %d runs, want %d, %v", name, len(cells), c.runs, err)
		}
	}
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) != 9 {
		t.Errorf("untried files among %q, %v", files, err)
	}
}

// study.yaml writes out the study's settings, which are also the default but for
// the data and the replicas.
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
