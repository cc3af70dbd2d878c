package configs

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// write makes a file in a new folder and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadWithoutAnythingIsDefault(t *testing.T) {
	e, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := Default(); !reflect.DeepEqual(*e, want) {
		t.Errorf("got  %+v\nwant %+v", *e, want)
	}
}

// TestLoadFor checks that settings that contradict each other are errors only for programs
// that use both, and that invalid values are errors for all.
func TestLoadFor(t *testing.T) {
	for _, c := range []struct {
		set  string
		data bool // whether it is an error for programs that use only the data
	}{
		{"data.train=100", false},
		{"model.classes=7", false},
		{"data.size=64", true},
		{"train.epochs=0", true},
	} {
		if _, err := Load("", []string{c.set}); err == nil {
			t.Errorf("%s: no error", c.set)
		}
		if _, err := LoadFor("", []string{c.set}, "data", "augment"); (err != nil) != c.data {
			t.Errorf("%s: for the data: error %v", c.set, err)
		}
	}
}

func TestGivesAny(t *testing.T) {
	gives := func(sets ...string) bool {
		r, err := LoadResolved("", sets)
		if err != nil {
			t.Fatal(err)
		}
		return r.GivesAny()
	}
	if gives() || !gives("seed=1") {
		t.Error("GivesAny is true without settings, or false with one")
	}
	t.Setenv("ONNXLAB_SEED", "1")
	if !gives() {
		t.Error("GivesAny is false with an environment variable")
	}
}

func TestEveryFieldHasARule(t *testing.T) {
	var want []string
	var list func(prefix string, typ reflect.Type)
	list = func(prefix string, typ reflect.Type) {
		for i := range typ.NumField() {
			field := typ.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			switch key := prefix + name; {
			case field.Type.Kind() == reflect.Struct:
				list(key+".", field.Type)
			case key != definitions:
				want = append(want, key)
			}
		}
	}
	list("", reflect.TypeFor[Experiment]())
	var got []string
	for _, r := range rules() {
		got = append(got, r.key)
		if r.doc == "" {
			t.Errorf("%s has no documentation", r.key)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("rules  %q\nfields %q", got, want)
	}
}

// Later layers win: defaults, the extended file, the file, the environment,
// flags in their order.
func TestLayers(t *testing.T) {
	folder := t.TempDir()
	base := "train: {epochs: 2, batch_size: 64, replicas: 2}\nseed: 5\noptimizer: {momentum: 0.5}\n"
	file := "extends: base.yaml\ntrain:\n  epochs: 3\nmodel: {widths: [8]}\n"
	for name, text := range map[string]string{"base.yaml": base, "x.yaml": file} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("ONNXLAB_SEED", "6")
	t.Setenv("ONNXLAB_OPTIMIZER_MOMENTUM", "0.25")
	path := filepath.Join(folder, "x.yaml")
	r, err := LoadResolved(path, []string{"seed=7", "seed=8", "sweep.batch_sizes=16,32", "data.path=/a #b: c", "name='12'"})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Name = "12"
	want.Seed = 8
	want.Train.Epochs, want.Train.BatchSize, want.Train.Replicas = 3, 64, 2
	want.Optimizer.Momentum = 0.25
	want.Model.Widths = []int{8}
	want.Sweep.BatchSizes = []int{16, 32}
	want.Data.Path = "/a #b: c"
	if !reflect.DeepEqual(r.Experiment, want) {
		t.Errorf("got  %+v\nwant %+v", r.Experiment, want)
	}
	for key, origin := range map[string]string{
		"model.convolutions": "default",
		"train.replicas":     filepath.Join(folder, "base.yaml") + ":1:46",
		"train.epochs":       path + ":3:11",
		"optimizer.momentum": "ONNXLAB_OPTIMIZER_MOMENTUM=0.25",
		"seed":               "--set seed=8",
	} {
		if got := r.Origins[key].String(); got != origin {
			t.Errorf("%s comes from %s, want %s", key, got, origin)
		}
	}
}
