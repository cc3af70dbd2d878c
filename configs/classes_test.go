package configs

import (
	"strings"
	"testing"
)

// TestClassesOfTheData checks that a number of classes that is missing or 0 becomes that of
// the source, or stays 0 if only the data can tell.
func TestClassesOfTheData(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"data: {source: synthetic}", 10},
		{"data: {source: cifar10}", 10},
		{"data: {source: cifar100}", 100},
		{"data: {source: folder}", 0},
		{"model: {classes: 0}", 10},
		{"{model: {classes: 0}, data: {source: cifar100}}", 100},
		{"{model: {classes: 0}, data: {source: folder}}", 0},
		{"{model: {classes: 7}, data: {source: folder}}", 7},
	} {
		path := write(t, c.text)
		r, err := LoadResolved(path, nil)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := r.Experiment.Model.Classes; got != c.want {
			t.Errorf("%s: %d classes, want %d", c.text, got, c.want)
		}
		if given := strings.Contains(c.text, "classes"); (r.Origins["model.classes"].Source == path) != given {
			t.Errorf("%s: the number comes from %v", c.text, r.Origins["model.classes"])
		}
	}
	// The last layer decides, whatever came before.
	e, err := Load(write(t, "{model: {classes: 3}, data: {source: folder}}"), []string{"model.classes=0", "data.source=cifar100"})
	if err != nil || e.Model.Classes != 100 {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestCellsOfTheData checks that conditions, and experiments made in Go, may take the
// number of classes from the data.
func TestCellsOfTheData(t *testing.T) {
	e := Default()
	e.Model.Classes, e.Data.Source = 0, "cifar100"
	e.Sweep.Definitions = map[string]Overlay{"fitting": {"model.classes": 0}, "fixed": {"model.classes": 2}, "single": {"model.classes": 1}}
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	for condition, want := range map[string]int{"none": 100, "fitting": 100} {
		if cell, err := e.Cell(condition, 128, 1); err != nil || cell.Model.Classes != want {
			t.Errorf("%s: %d classes, want %d, %v", condition, cell.Model.Classes, want, err)
		}
	}
	if _, err := e.Cell("fixed", 128, 1); err == nil || !strings.Contains(err.Error(), "2 does not fit data.source cifar100, which has 100") {
		t.Errorf("fixed: %v", err)
	}
	e.Data.Source = "folder"
	for condition, want := range map[string]int{"none": 0, "fixed": 2} {
		if cell, err := e.Cell(condition, 128, 1); err != nil || cell.Model.Classes != want {
			t.Errorf("%s of a folder: %d classes, want %d, %v", condition, cell.Model.Classes, want, err)
		}
	}
	if _, err := e.Cell("single", 128, 1); err == nil || !strings.Contains(err.Error(), "a classifier needs at least 2 classes") {
		t.Errorf("single: %v", err)
	}
}
