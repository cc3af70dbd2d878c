package configs

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// changed returns an experiment in which every setting differs from its default.
func changed(t *testing.T) Experiment {
	t.Helper()
	e, err := Load(write(t, `
name: "012"
seed: 18446744073709551615
model: {kind: onnx, path: m.onnx, head: keep, train: [head], normalize: imagenet, form: imagenet, depth: 50, width_factor: 0.5, strides: [2, 1], activation: gelu, dropout: 0.5, widths: [8, 16], convolutions: 1, classes: 7, batchnorm: {momentum: 0.9, epsilon: 1e-5, statistics: recalibrated, mode: freeze}}
data: {source: folder, path: "/a b/ü: #c", train: 5000, validation: 100, size: 48, width: 64, channels: 1, validation_share: 0.3, broken: skip, image_memory: 200, transform: timm, read: stream, memory: 100, decoder: go}
augment:
  recipe: custom
  geometry: keras-3
  operations: [{kind: rotation, degrees: 10}, {kind: flip, probability: 0.25}]
  mixup: 0.2
  cutmix: 1
train:
  {epochs: 7, batch_size: 64, replicas: 4, micro_batch: 32, label_smoothing: 0.1, checkpoint_steps: 9, keep_checkpoints: 3, stop_patience: 4, stop_min_delta: 0.1, stop_monitor: val_accuracy, stop_restore_best: true, balance: sampling, class_weights: [1, 0, 0.5, 2, 3, 4, 1e3]}
optimizer: {learning_rate: 1e-3, reference_batch: 64, momentum: 0.5, nesterov: true, momentum_correction: true, beta1: 0.8, beta2: 0.99, epsilon: 1e-6, clip_norm: 2, weight_decay: 5e-4, decay_all: true, trust_coefficient: 0.02, ema_decay: 0.99, ema_warmup: false, rate_multipliers: {"layer4.*": 0.1, head: 10}}
schedule:
  {kind: polynomial, decay_epochs: [], decay_factor: 0.2, final_fraction: 0.01, power: 2, start_fraction: 0.1, peak_at: 0.4, monitor: val_accuracy, patience: 3, cooldown: 1, min_delta: 0.01, min_rate: 1e-5, warmup_epochs: 2, warmup_by: epoch, scaling: sqrt}
diagnose: {every: 2, images: 64, time_share: 0.5}
runtime: {device: cuda, threads: 2, tf32: false, precision: mixed_float16, library: lib.so}
sweep:
  conditions: [none, "123"]
  batch_sizes: [64]
  seeds: [0, 18446744073709551615]
  definitions:
    "123": {augment: {recipe: strong}, schedule: {warmup_epochs: 1, decay_epochs: [3]}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return *e
}

func TestMarshalLoadsBackEqual(t *testing.T) {
	want := changed(t)
	reflected, defaults := reflect.ValueOf(want), Default()
	for _, r := range rules() {
		s := newKeys().byKey[r.key]
		if r.key == "train.cache_features" || r.key == "train.loss" || r.key == "data.labels" || r.key == "augment.without" {
			continue // they cannot be combined with operations and weights, and have their own tests
		}
		if r.key != "optimizer.kind" && reflect.DeepEqual(s.get(&want), s.get(&defaults)) {
			t.Errorf("%s is not tested: it has its default", r.key)
		}
	}
	text, err := Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Load(write(t, string(text)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*got, reflected.Interface()) {
		t.Errorf("got  %+v\nwant %+v\n%s", *got, want, text)
	}
}

func TestMarshalKeepsTheDocumentedOrder(t *testing.T) {
	e := Default()
	e.Sweep.Seeds = []uint64{2}
	text, err := Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	at := -1
	for _, section := range []string{"name: \"\"\n", "seed: 1\n", "model:\n", "  widths: [64, 128, 256]\n", "data:\n", "augment:\n", "train:\n", "optimizer:\n", "schedule:\n", "  decay_epochs: [60, 85]\n", "runtime:\n", "sweep:\n", "  seeds: [2]\n"} {
		i := strings.Index(string(text), section)
		if i <= at {
			t.Errorf("%q is missing or out of order in\n%s", section, text)
		}
		at = i
	}
}

func TestMarshalOfASingleRunHasNoSweep(t *testing.T) {
	text, err := Marshal(Default())
	if err != nil || strings.Contains(string(text), "sweep") {
		t.Errorf("%v in\n%s", err, text)
	}
	r, err := LoadResolved(write(t, string(text)), nil)
	if err != nil || r.GivesSweep() || !reflect.DeepEqual(r.Experiment, Default()) {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestValues checks that Values returns all settings in the documented order, followed by
// those of the experiment's own conditions.
func TestValues(t *testing.T) {
	e := Default()
	e.Train.Epochs = 7
	e.Sweep.Definitions = map[string]Overlay{"mine": {"train.epochs": 9, "augment.recipe": "none"}}
	var keys []string
	values := map[string]any{}
	for _, v := range e.Values() {
		keys = append(keys, v.Key)
		values[v.Key] = v.Value
	}
	want := append(Keys(), "sweep.definitions.mine.augment.recipe", "sweep.definitions.mine.train.epochs")
	if !slices.Equal(keys, want) {
		t.Errorf("got %q", keys)
	}
	if values["train.epochs"] != 7 || values["sweep.definitions.mine.train.epochs"] != 9 {
		t.Errorf("epochs are %v and %v", values["train.epochs"], values["sweep.definitions.mine.train.epochs"])
	}
}

func TestMarshalSweepKeepsTheDefault(t *testing.T) {
	text, err := MarshalSweep(Default())
	if err != nil {
		t.Fatal(err)
	}
	r, err := LoadResolved(write(t, string(text)), nil)
	if err != nil || !r.GivesSweep() || !reflect.DeepEqual(r.Experiment, Default()) {
		t.Errorf("%+v, %v", r, err)
	}
}

// Hash and Diff must include every setting that changes the weights, and no other.
func TestHashAndDiff(t *testing.T) {
	a, b := Default(), changed(t)
	b.Train.CacheFeatures, b.Train.Loss, b.Augment.Without = true, LossMeanSquaredError, []string{"zoom"}
	inert := map[string]bool{
		"name": true, "data.path": true, "runtime.library": true,
		"model.path": true, "model.head": true, "model.train": true, "model.batchnorm.mode": true, // without a given model
		"model.form": true, "model.depth": true, "model.width_factor": true, // without a residual network
		"data.validation_share": true, "data.labels": true, "data.broken": true, "data.image_memory": true, "data.read": true, "data.memory": true, "data.decoder": true,
		"runtime.tf32": true, "runtime.precision": true, // on the CPU
		"optimizer.beta1": true, "optimizer.beta2": true, "optimizer.epsilon": true, // of SGD
		"optimizer.trust_coefficient": true, "optimizer.ema_warmup": true, // of SGD without an average
		"train.checkpoint_steps": true, "train.keep_checkpoints": true,
		"train.stop_min_delta": true, "train.stop_monitor": true, "train.stop_restore_best": true, // without patience
		"schedule.monitor": true, "schedule.patience": true, "schedule.cooldown": true, "schedule.min_delta": true, "schedule.min_rate": true, // without a plateau
		"diagnose.every": true, "diagnose.images": true, "diagnose.time_share": true,
		"sweep.conditions": true, "sweep.batch_sizes": true, "sweep.seeds": true,
	}
	for _, s := range newKeys().settings {
		one := a.clone()
		s.set(&one, s.get(&b))
		differs := !inert[s.key] && s.key != "optimizer.kind"
		if got := one.Hash() != a.Hash(); got != differs {
			t.Errorf("%s changes the hash: %v", s.key, got)
		}
		diff := Diff(a, one)
		if (len(diff) == 1) != differs || differs && diff[0].Key != s.key {
			t.Errorf("%s: diff %v", s.key, diff)
		}
	}
	if got := Diff(a, a.clone()); len(got) != 0 || len(a.Hash()) != 64 {
		t.Errorf("the same differs by %v", got)
	}
	a.Schedule.DecayEpochs, b = nil, a.clone()
	b.Schedule.DecayEpochs = []int{}
	if got := Diff(a, b); len(got) != 0 || a.Hash() != b.Hash() {
		t.Errorf("nil and an empty list differ by %v", got)
	}
	b.Train.Epochs = 5
	if got := Diff(a, b)[0].String(); got != "train.epochs: 100 became 5" {
		t.Error(got)
	}
}

// A run on the CPU has the same hash as before runtime.tf32 existed, so that it can be
// resumed; on a GPU, the setting changes the weights.
func TestHashOfTF32(t *testing.T) {
	old, err := Load(write(t, "runtime: {device: cpu, threads: 0, library: ''}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	const before = "7a0d709c3ad70846fded89d298927bb20038c2468f84dad1de1f467ccbab6382"
	if hash := old.Hash(); hash != before || !old.Runtime.TF32 {
		t.Errorf("without the key: hash %s, tf32 %v", hash, old.Runtime.TF32)
	}
	gpu := old.clone()
	gpu.Runtime.Device = "cuda"
	exact := gpu.clone()
	exact.Runtime.TF32 = false
	diff := Diff(gpu, exact)
	if gpu.Hash() == exact.Hash() || len(diff) != 1 || diff[0].String() != "runtime.tf32: true became false" {
		t.Errorf("on cuda: %s and %s, diff %v", gpu.Hash(), exact.Hash(), diff)
	}
	if diff := Diff(*old, exact); len(diff) != 2 || diff[0].Key != "runtime.device" {
		t.Errorf("from cpu to cuda: diff %v", diff)
	}
}

// A copy must not share memory with its original.
func TestCellsAreApart(t *testing.T) {
	e := Default()
	cell, err := e.Cell("medium", 256, 2)
	if err != nil {
		t.Fatal(err)
	}
	cell.Model.Widths[0], cell.Schedule.DecayEpochs[0] = 1, 1
	if !reflect.DeepEqual(e, Default()) {
		t.Error("changing a cell changed its experiment")
	}
}

func TestCells(t *testing.T) {
	e := changed(t)
	e.Train.MicroBatch = 0
	for name, want := range map[string]struct {
		recipe string
		warmup int
		by     string
	}{
		"none": {"none", 0, "step"}, "medium": {"medium", 0, "step"}, "strong": {"strong", 0, "step"},
		"warmup": {"medium", 5, "step"}, "shift-only": {"shift", 0, "step"}, "123": {"strong", 1, "epoch"},
	} {
		cell, err := e.Cell(name, 128, 3)
		if err != nil {
			t.Fatal(err)
		}
		if cell.Augment.Recipe != want.recipe || cell.Schedule.WarmupEpochs != want.warmup || cell.Schedule.WarmupBy != want.by || cell.Augment.Operations != nil {
			t.Errorf("%s: %+v %+v", name, cell.Augment, cell.Schedule)
		}
		if cell.Train.BatchSize != 128 || cell.Seed != 3 || cell.Model.Classes != 7 {
			t.Errorf("%s: %+v", name, cell)
		}
		// The configuration of a cell is that of a run.
		text, err := Marshal(cell)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Load(write(t, string(text)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*back, cell) {
			t.Errorf("%s\n got %+v\nwant %+v", name, *back, cell)
		}
	}
}

func TestCellsOfTheStudy(t *testing.T) {
	e := Default()
	e.Sweep.Seeds = []uint64{1, 2}
	cells, err := e.Cells()
	if err != nil || len(cells) != 56 {
		t.Fatalf("%d cells, %v", len(cells), err)
	}
	if last := cells[55]; last.Schedule.WarmupEpochs != 5 || last.Train.BatchSize != 8192 || last.Seed != 2 {
		t.Errorf("last %+v", last)
	}
	e.Train.Replicas = 256
	want := "condition none at batch size 128: train.replicas: 256 does not divide train.batch_size 128"
	if _, err := e.Cells(); err == nil || !strings.HasPrefix(err.Error(), "4 problems") || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want 4 like %s", err, want)
	}
}

func TestDefinitionsReplaceBuiltins(t *testing.T) {
	e := Default()
	e.Sweep.Definitions = map[string]Overlay{"warmup": {"schedule.warmup_epochs": 2}}
	cell, err := e.Cell("warmup", 128, 1)
	if err != nil || cell.Schedule.WarmupEpochs != 2 {
		t.Errorf("%+v, %v", cell.Schedule, err)
	}
}

// TestDefinedWarmupFitsTheRun checks that the warmup of a definition that replaces a built-in
// condition is shortened to the run, unless the definition sets the length of the run too.
func TestDefinedWarmupFitsTheRun(t *testing.T) {
	e := Default()
	e.Sweep.Definitions = map[string]Overlay{"warmup": {"schedule.warmup_epochs": 8}, "medium": {"schedule.warmup_epochs": 8, "train.epochs": 3}}
	for epochs, want := range map[int]int{3: 3, 8: 8, 100: 8} {
		e.Train.Epochs = epochs
		if cell, err := e.Cell("warmup", 128, 1); err != nil || cell.Schedule.WarmupEpochs != want {
			t.Errorf("%d epochs: a warmup of %d, %v", epochs, cell.Schedule.WarmupEpochs, err)
		}
	}
	want := "condition medium at batch size 128: schedule.warmup_epochs: 8 is more than train.epochs 3: the run would end within the warmup"
	if _, err := e.Cell("medium", 128, 1); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestCellFaults(t *testing.T) {
	e := Default()
	e.Train.Replicas = 8
	e.Sweep.Definitions = map[string]Overlay{
		"typed":  {"train.epochs": 3.0},
		"seeded": {"seed": uint64(1)},
		"worse":  {"train.epochs": -1},
	}
	for _, c := range []struct {
		condition string
		batch     int
		want      string
	}{
		{"mediun", 128, `sweep.conditions: unknown condition "mediun" (did you mean "medium"?)`},
		{"medium", 100, "condition medium at batch size 100: train.replicas: 8 does not divide train.batch_size 100"},
		{"medium", 50_008, "condition medium at batch size 50008: train.batch_size: 50008 is more than the 50000 training images: an epoch would have no steps"},
		{"typed", 128, `sweep.definitions.typed: a condition cannot set "train.epochs" to 3 (float64)`},
		{"seeded", 128, `sweep.definitions.seeded: a condition cannot set "seed" to 1 (uint64)`},
		{"worse", 128, "condition worse at batch size 128: train.epochs: -1 is outside 1..1000000"},
	} {
		if _, err := e.Cell(c.condition, c.batch, 1); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

func TestValidateFindsEverything(t *testing.T) {
	e := Default()
	e.Train.Epochs, e.Model.Widths, e.Augment.Recipe = 0, nil, "weak"
	e.Augment.Operations = []Operation{{}}
	want := `4 problems in the configuration:
  model.widths: 0 entries are outside 1..8
  augment.recipe: "weak" is not one of none, shift, medium, strong, photo, custom
  augment.operations: an operation without kind
  train.epochs: 0 is outside 1..1000000`
	if err := e.Validate(); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestOwnImages checks that an experiment on a program's own images may have other classes
// than its data settings, and that it is read as it was written.
func TestOwnImages(t *testing.T) {
	e := Default()
	e.Model.Classes = 3
	const want = "model.classes: 3 does not fit data.source synthetic, which has 10"
	if err := e.Validate(); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := e.ValidateFor("model", "train"); err != nil {
		t.Error(err)
	}
	text, err := Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if read, err := Read(path); err != nil || read.Hash() != e.Hash() {
		t.Errorf("read back %+v, error %v", read, err)
	}
	e.Train.Replicas = 3
	if err := e.ValidateFor("model", "train"); err == nil {
		t.Error("replicas that do not divide the batch are accepted")
	}
}

func TestSchema(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]struct {
			Properties map[string]map[string]any
		}
	}
	var root map[string]any
	if err := errors.Join(json.Unmarshal(text, &schema), json.Unmarshal(text, &root)); err != nil {
		t.Fatal(err)
	}
	momentum := schema.Properties["optimizer"].Properties["momentum"]
	if momentum["type"] != "number" || momentum["minimum"] != 0.0 || momentum["exclusiveMaximum"] != 1.0 || momentum["default"] != 0.9 {
		t.Errorf("momentum: %v", momentum)
	}
	if classes := schema.Properties["model"].Properties["classes"]; classes["type"] != "integer" || classes["default"] != nil {
		t.Errorf("classes, whose default the data decides: %v", classes)
	}
	for _, s := range newKeys().settings {
		at, strict := root, true
		for part := range strings.SplitSeq(s.key, ".") {
			strict = strict && at["additionalProperties"] == false
			properties, _ := at["properties"].(map[string]any)
			at, _ = properties[part].(map[string]any)
		}
		if at["description"] != s.doc || !strict {
			t.Errorf("%s is not described strictly: %v", s.key, at)
		}
	}
}

// TestChoices checks that the keys are in order, and that there are words only for settings
// that accept nothing else.
func TestChoices(t *testing.T) {
	list := Keys()
	if len(list) != len(rules()) || list[0] != "name" || list[len(list)-1] != "sweep.seeds" {
		t.Errorf("keys %v", list)
	}
	if got := Choices("runtime.device"); !slices.Equal(got, []string{"cpu", "cuda"}) {
		t.Errorf("devices %v", got)
	}
	if a, b := Choices("data.path"), Choices("nothing"); a != nil || b != nil {
		t.Errorf("choices %v and %v, want none", a, b)
	}
}

// TestCacheFeatures checks that features are cached only for a given model whose images
// never change.
func TestCacheFeatures(t *testing.T) {
	const given = "model: {kind: onnx, path: m.onnx, normalize: imagenet}\ntrain: {cache_features: true}\n"
	for text, want := range map[string]string{
		given + "augment: {recipe: none}\n": "",
		given:                               "augment.recipe medium changes the images in every epoch",
		given + "augment: {recipe: none, mixup: 0.2}\n":            "augment.mixup mixes the images",
		given + "augment: {recipe: none, cutmix: 1}\n":             "augment.cutmix mixes the images",
		"train: {cache_features: true}\naugment: {recipe: none}\n": "model.kind cnn has no frozen layers",
	} {
		e, err := Load(write(t, text), nil)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", text, err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		written, err := Marshal(*e)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Load(write(t, string(written)), nil); err != nil || !again.Train.CacheFeatures {
			t.Errorf("the setting is lost: %v\n%s", err, written)
		}
	}
}
