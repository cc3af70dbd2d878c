package configs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// problems loads text and returns what is wrong with it, with FILE in place of the file's
// path.
func problems(t *testing.T, text string, sets ...string) []string {
	t.Helper()
	path := write(t, text)
	_, err := Load(path, sets)
	if err == nil {
		return nil
	}
	var wrong *Error
	if !errors.As(err, &wrong) {
		t.Fatalf("%v is no *Error", err)
	}
	var lines []string
	for _, p := range wrong.Problems {
		lines = append(lines, strings.ReplaceAll(p.String(), path, "FILE"))
	}
	return lines
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"misspelt key":           {"train:\n  epcohs: 3\n", `FILE:2:3: unknown key "train.epcohs" (did you mean "train.epochs"?)`},
		"misspelt section":       {"tarin: {epochs: 3}\n", `FILE:1:1: unknown key "tarin" (did you mean "train"?)`},
		"key of another section": {"epochs: 3\n", `FILE:1:1: unknown key "epochs" (did you mean "train.epochs"?)`},
		"unknown key":            {"runtime: {colour: red}\n", `FILE:1:11: unknown key "runtime.colour" (known: device, threads, tf32, precision, library)`},
		"hyphen":                 {"train: {batch-size: 3}\n", `FILE:1:9: unknown key "train.batch-size" (did you mean "train.batch_size"?)`},
		"upper-case key":         {"train:\n  Epochs: 3\n", `FILE:2:3: unknown key "train.Epochs" (did you mean "train.epochs"?)`},
		"upper-case section":     {"TRAIN: {epochs: 3}\n", `FILE:1:1: unknown key "TRAIN" (did you mean "train"?)`},
		"text for a count":       {"train: {epochs: \"64\"}\n", `FILE:1:17: train.epochs: "64" (text) is not a whole number in 1..1000000`},
		"fraction":               {"train: {epochs: 1.5}\n", `FILE:1:17: train.epochs: 1.5 is not a whole number in 1..1000000`},
		"fraction without rest":  {"train: {epochs: 3.0}\n", `FILE:1:17: train.epochs: 3.0 is not a whole number in 1..1000000`},
		"octal":                  {"train: {epochs: 012}\n", `FILE:1:17: train.epochs: 012 is not a whole number in 1..1000000`},
		"boolean for a count":    {"train: {epochs: true}\n", `FILE:1:17: train.epochs: true is not a whole number in 1..1000000`},
		"empty value":            {"train:\n  epochs:\n", `FILE:2:10: train.epochs: an empty value is not a whole number in 1..1000000`},
		"list for a count":       {"train: {epochs: [3]}\n", `FILE:1:17: train.epochs: a list is not a whole number`},
		"tagged":                 {"train: {epochs: !!int \"3\"}\n", `FILE:1:17: train.epochs: write the value without the tag !!int`},
		"zero epochs":            {"train: {epochs: 0}\n", `FILE:1:17: train.epochs: 0 is outside 1..1000000`},
		"negative":               {"data: {train: -1}\n", `FILE:1:15: data.train: -1 is outside 0..100000000`},
		"beyond int64":           {"train: {epochs: 9223372036854775808}\n", `FILE:1:17: train.epochs: 9223372036854775808 is outside 1..1000000`},
		"beyond uint64":          {"seed: 18446744073709551616\n", `FILE:1:7: seed: 18446744073709551616 is not a whole number in 0..18446744073709551615`},
		"negative seed":          {"seed: -1\n", `FILE:1:7: seed: -1 is outside 0..18446744073709551615`},
		"NaN":                    {"optimizer: {learning_rate: .nan}\n", `FILE:1:28: optimizer.learning_rate: .nan is not a finite number in 0..1000, 0 excluded`},
		"infinity":               {"optimizer: {learning_rate: .inf}\n", `FILE:1:28: optimizer.learning_rate: .inf is not a finite number in 0..1000, 0 excluded`},
		"octal for a number":     {"optimizer: {momentum: 00}\n", `FILE:1:23: optimizer.momentum: 00 is not a number in 0..1, 1 excluded`},
		"hexadecimal number":     {"optimizer: {weight_decay: 0x1}\n", `FILE:1:27: optimizer.weight_decay: 0x1 is not a number in 0..1000`},
		"beyond float64":         {"optimizer: {weight_decay: 1e999}\n", `FILE:1:27: optimizer.weight_decay: "1e999" (text) is not a number in 0..1000`},
		"text for a number":      {"optimizer: {learning_rate: fast}\n", `FILE:1:28: optimizer.learning_rate: "fast" (text) is not a number in 0..1000, 0 excluded`},
		"no learning rate":       {"optimizer: {learning_rate: 0}\n", `FILE:1:28: optimizer.learning_rate: 0 is outside 0..1000, 0 excluded`},
		"momentum of one":        {"optimizer: {momentum: 1}\n", `FILE:1:23: optimizer.momentum: 1 is outside 0..1, 1 excluded`},
		"yes":                    {"optimizer: {decay_all: yes}\n", `FILE:1:24: optimizer.decay_all: "yes" (text) is neither true nor false`},
		"number for text":        {"name: 012\n", `FILE:1:7: name: 012 is not text: quote it`},
		"date for text":          {"name: 2024-01-01\n", `FILE:1:7: name: 2024-01-01 is not text: quote it`},
		"unknown word":           {"augment: {recipe: srtong}\n", `FILE:1:19: augment.recipe: "srtong" is not one of none, shift, medium, strong, photo, custom`},
		"control character":      {"name: \"a\\e\"\n", `FILE:1:7: name: "a\x1b" has a control character at byte 1`},
		"scalar for a list":      {"model: {widths: 64}\n", `FILE:1:17: model.widths: 64 is not a list: write [a, b]`},
		"empty list":             {"model: {widths: []}\n", `FILE:1:17: model.widths: 0 entries are outside 1..8`},
		"entry of a list":        {"model:\n  widths:\n    - 8\n    - 0\n", `FILE:4:7: model.widths: 0 is outside 1..4096`},
		"repeated entry":         {"sweep: {seeds: [1, 2, 1]}\n", `FILE:1:23: sweep.seeds: 1 is in the list twice`},
		"decay out of order":     {"schedule: {decay_epochs: [85, 60]}\n", `FILE:1:31: schedule.decay_epochs: 60 comes after 85: write them in ascending order`},
		"scalar for a section":   {"train: 3\n", `FILE:1:8: train: 3 is not a section: indent its settings below it`},
		"duplicate key":          {"train:\n  epochs: 3\n  epochs: 4\n", `FILE:3:3: duplicate key "train.epochs": it is already on line 2`},
		"duplicate section":      {"train: {epochs: 3}\nseed: 1\ntrain: {replicas: 1}\n", `FILE:3:1: duplicate key "train": it is already on line 1`},
		"empty file":             {"", `FILE: is empty: write at least one setting, or leave the file out for the defaults`},
		"comments only":          {"# nothing\n", `FILE: is empty: write at least one setting, or leave the file out for the defaults`},
		"null document":          {"~\n", `FILE:1:1: an empty value is not an experiment: write settings as name: value`},
		"a list":                 {"- 1\n", `FILE:1:1: a list is not an experiment: write settings as name: value`},
		"tab":                    {"train:\n\tepochs: 3\n", `FILE:2:1: a tab in the indentation: YAML is indented with spaces`},
		"unclosed":               {"model: {widths: [1\n", `FILE:1: did not find expected ',' or ']'`},
		"two documents":          {"seed: 1\n---\nseed: 2\n", `FILE:2:1: a second document starts here: an experiment is one document`},
		"merge key":              {"train: &t {epochs: 3}\noptimizer: {<<: *t}\n", `FILE:2:13: merge keys are not supported: use extends to build on another file`},
		"key that is a list":     {"[a]: 1\n", `FILE:1:1: a key is not a word`},
		"extends nothing":        {"extends: \"\"\n", `FILE:1:10: extends: "" (text) is not a path`},
		"relative to a list":     {"relative_to: [a]\n", `FILE:1:14: relative_to: a list is not a path`},
		"operation without kind": {"augment: {recipe: custom, operations: [{degrees: 3}]}\n", `FILE:1:40: augment.operations: an operation without kind: write {kind: rotation, degrees: 10}`},
		"operation of text":      {"augment: {recipe: custom, operations: [{kind: rotation, degrees: few}]}\n", `FILE:1:57: augment.operations: degrees: "few" (text) is not a number`},
		"definition sets seed":   {"sweep: {definitions: {mine: {seed: 1}}}\n", `FILE:1:30: seed cannot differ between conditions; a condition sets model, augment, train, optimizer, schedule`},
		"definition misspells":   {"sweep: {definitions: {mine: {schedule: {warmup: 1}}}}\n", `FILE:1:41: unknown key "sweep.definitions.mine.schedule.warmup" (did you mean "schedule.warmup_by"?)`},
		"definition of nothing":  {"sweep: {definitions: {mine: {}}}\n", `FILE:1:29: sweep.definitions.mine: a section changes nothing: write the settings that differ`},
		"definition's name":      {"sweep: {definitions: {../up: {train: {epochs: 1}}}}\n", `FILE:1:23: sweep.definitions: "../up" is not a name of up to 64 characters a-z, 0-9, - and _`},
		"unknown condition":      {"sweep: {conditions: [none, mediun]}\n", `FILE:1:21: sweep.conditions: unknown condition "mediun" (did you mean "medium"?)`},
		"replicas":               {"train: {replicas: 3}\n", `FILE:1:19: train.replicas: 3 does not divide train.batch_size 128`},
		"micro-batch": {
			"train: {replicas: 4, micro_batch: 48}\n",
			`FILE:1:35: train.micro_batch: 48 is not a multiple of 32 (train.batch_size 128 / train.replicas 4) that divides 128: set 0 to leave it to the device`,
		},
		"classes":            {"data: {source: cifar100}\nmodel: {classes: 10}\n", `FILE:2:18: model.classes: 10 does not fit data.source cifar100, which has 100`},
		"one class":          {"data: {source: folder}\nmodel: {classes: 1}\n", `FILE:2:18: model.classes: a classifier needs at least 2 classes; 0 means as many as the data has`},
		"classes below zero": {"model: {classes: -1}\n", `FILE:1:18: model.classes: -1 is outside 0..100000`},
		"batch above data":   {"data: {train: 64}\ntrain: {batch_size: 65}\n", `FILE:2:21: train.batch_size: 65 is more than the 64 training images: an epoch would have no steps`},
		"width of synthetic": {"data: {width: 64}\n", `FILE:1:15: data.width: 64 does nothing, since synthetic images have a size of their own: only photographs and mnist are resized`},
		"narrow folder":      {"data: {source: folder, size: 32, width: 2}\n", `FILE:1:30: model.widths: 3 stages halve an image of 2 pixels to nothing`},
		"size of synthetic":  {"data: {size: 64}\n", `FILE:1:14: data.size: 64 does nothing, since synthetic images have a size of their own: only photographs and mnist are resized`},
		"depth of a form":    {"model: {kind: resnet, depth: 50, form: imagenet, width_factor: 65}\n", `FILE:1:64: model.width_factor: 65 is outside 0..64, 0 excluded`},
		"depth 18 of cifar":  {"model: {kind: resnet, depth: 18}\n", `FILE:1:30: model.depth: 18 is not of the form 6n+2, such as 20, 32, 44, 56 or 110, as model.form cifar requires; set that to imagenet for 18, 34, 50, 101 and 152`},
		"a program's own":    {"model: {kind: own}\n", `FILE:1:15: model.kind: own is a network that a Go program supplies (trainloop.Options.Network), which no file can describe: set cnn, resnet, mobilenet or onnx`},
		"strides of others":  {"model: {kind: mobilenet, strides: [1, 2, 2]}\n", `FILE:1:35: model.strides: there are 3, but the network has 7 stages: give one for each, or []`},
		"strides of widths":  {"model: {strides: [1, 2]}\n", `FILE:1:18: model.strides: there are 2, but the network has 3 stages: give one for each, or []`},
		"all of it dropped":  {"model: {dropout: 1}\n", `FILE:1:18: model.dropout: 1 is outside 0..1, 1 excluded`},
		"unknown activation": {"model: {activation: tanh}\n", `FILE:1:21: model.activation: "tanh" is not one of auto, relu, relu6, leaky_relu, elu, silu, hard_swish, gelu`},
		"too many stages":    {"model: {widths: [1, 1, 1, 1, 1, 1, 1]}\n", `FILE:1:17: model.widths: 7 stages halve an image of 32 pixels to nothing`},
		"float16 on a CPU":   {"runtime: {precision: mixed_float16}\n", `FILE:1:22: runtime.precision: mixed_float16 is for runtime.device cuda: a CPU has no kernels for it`},
		"unused operations":  {"augment: {operations: [{kind: flip}]}\n", `FILE:1:23: augment.operations: the recipe medium does not use them: set augment.recipe to custom, or augment.operations to []`},
		"warmup to the end":  {"train: {epochs: 5}\nschedule: {kind: cosine, warmup_epochs: 5}\n", `FILE:2:41: schedule.warmup_epochs: 5 leaves nothing of train.epochs 5 for the schedule cosine`},
		"warmup with one-cycle": {
			"schedule: {kind: one-cycle, warmup_epochs: 5}\n",
			`FILE:1:44: schedule.warmup_epochs: 5 comes before a schedule that warms up by itself: set it to 0, and let schedule.start_fraction and schedule.peak_at say how one-cycle rises`,
		},
		"warmup never ends": {
			"train: {epochs: 2}\nschedule: {warmup_epochs: 5, decay_epochs: []}\n",
			`FILE:2:27: schedule.warmup_epochs: 5 is more than train.epochs 2: the run would end within the warmup`,
		},
		"constant warmup never ends": {
			"schedule: {kind: constant, warmup_epochs: 101}\n",
			`FILE:1:43: schedule.warmup_epochs: 101 is more than train.epochs 100: the run would end within the warmup`,
		},
		"polynomial warmup to the end": {
			"train: {epochs: 5}\nschedule: {kind: polynomial, warmup_epochs: 6}\n",
			`FILE:2:45: schedule.warmup_epochs: 6 leaves nothing of train.epochs 5 for the schedule polynomial`,
		},
		"decay within the warmup": {
			"train: {epochs: 5, batch_size: 64}\noptimizer: {reference_batch: 32}\nschedule: {warmup_epochs: 3, decay_epochs: [2]}\n",
			`FILE:3:44: schedule.decay_epochs: 2 is not above schedule.warmup_epochs 3: no step would have the full rate`,
		},
		"decay at the warmup's end": {
			"train: {epochs: 2, batch_size: 64}\noptimizer: {reference_batch: 32}\nschedule:\n  decay_epochs: [1]\n  warmup_epochs: 1\n",
			`FILE:4:17: schedule.decay_epochs: 1 is not above schedule.warmup_epochs 1: no step would have the full rate`,
		},
		"decays by default within the warmup": {
			"schedule:\n  warmup_epochs: 60\n  warmup_by: epoch\n",
			`FILE:2:18: schedule.decay_epochs: 60 is not above schedule.warmup_epochs 60: no step would have the full rate`,
		},
		"decay within a warmup of the reference batch": {
			"schedule: {warmup_epochs: 5, decay_epochs: [4, 90], scaling: sqrt}\n",
			`FILE:1:44: schedule.decay_epochs: 4 is not above schedule.warmup_epochs 5: no step would have the full rate`,
		},
		"warmup to nowhere": {
			"schedule: {scaling: none, warmup_epochs: 5}\n",
			`FILE:1:42: schedule.warmup_epochs: 5 does nothing, since warmup rises from the unscaled rate to the scaled one: set schedule.scaling to linear or sqrt`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(problems(t, c.text), "\n")
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestFaultsInFlags(t *testing.T) {
	for set, want := range map[string]string{
		"data.foo=1":                    `--set data.foo=1: unknown key "data.foo" (known: source, path, train, validation, size, width, channels, validation_share, labels, broken, image_memory, transform, read, memory, decoder)`,
		"train.epcohs=3":                `--set train.epcohs=3: unknown key "train.epcohs" (did you mean "train.epochs"?)`,
		"train.epochs":                  `--set train.epochs: has no value: write --set section.key=value`,
		"train=3":                       `--set train=3: train is a section: set one of epochs, batch_size, replicas, micro_batch, loss, label_smoothing, balance, class_weights, cache_features, checkpoint_steps, keep_checkpoints, stop_patience, stop_min_delta, stop_monitor, stop_restore_best`,
		"train.epochs=":                 `--set train.epochs=: train.epochs: an empty value is not a whole number in 1..1000000`,
		"train.epochs='3'":              `--set train.epochs='3': train.epochs: "3" (text) is not a whole number in 1..1000000`,
		"train.epochs=[":                `--set train.epochs=[: train.epochs: line 1: did not find expected node content`,
		"train.epochs.x=3":              `--set train.epochs.x=3: unknown key "train.epochs.x" (did you mean "train.epochs"?)`,
		"optim.momentum=0.5":            `--set optim.momentum=0.5: unknown key "optim.momentum" (did you mean "optimizer.momentum"?)`,
		"model.widths=a":                `--set model.widths=a: model.widths: "a" (text) is not a whole number in 1..4096`,
		"name=a\xff":                    "--set name=a\xff: name: \"a\\xff\" is not UTF-8",
		"train.epochs=3,4":              `--set train.epochs=3,4: train.epochs: "3,4" (text) is not a whole number in 1..1000000`,
		"data.train=100":                `--set data.train=100: train.batch_size: 128 is more than the 100 training images: an epoch would have no steps`,
		"train.replicas=3":              `--set train.replicas=3: train.replicas: 3 does not divide train.batch_size 128`,
		"sweep.definitions.mine.seed=3": `--set sweep.definitions.mine.seed=3: "sweep.definitions.mine.seed" is not sweep.definitions.name.section.key`,
	} {
		got := strings.Join(problems(t, "seed: 1\n", set), "\n")
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestFaultsInEnvironment(t *testing.T) {
	t.Setenv("ONNXLAB_ORT_LIBRARY", "/lib/libonnxruntime.so")
	if got := problems(t, "seed: 1\n"); got != nil {
		t.Errorf("the variable of the library is an error: %s", got)
	}
	t.Setenv("ONNXLAB_TRAIN_EPOCHES", "3")
	t.Setenv("ONNXLAB_WHATEVER", "1")
	t.Setenv("ONNXLAB_TRAIN_REPLICAS", "two")
	got := strings.Join(problems(t, "seed: 1\n"), "\n")
	for _, want := range []string{
		`ONNXLAB_TRAIN_EPOCHES=3: unknown variable ONNXLAB_TRAIN_EPOCHES (did you mean ONNXLAB_TRAIN_EPOCHS?): unset it`,
		`ONNXLAB_WHATEVER=1: unknown variable ONNXLAB_WHATEVER (the variable of section.key is ONNXLAB_SECTION_KEY): unset it`,
		`ONNXLAB_TRAIN_REPLICAS=two: train.replicas: "two" (text) is not a whole number in 1..1000000`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %s", got, want)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	path := write(t, "extends: base.yaml\nseed: x\ntrain:\n  epcohs: 3\n  replicas: 0\n")
	base := filepath.Join(filepath.Dir(path), "base.yaml")
	if err := os.WriteFile(base, []byte("name: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, []string{"seed=y"})
	want := `5 problems in the configuration:
  BASE:1:7: name: 3 is not text: quote it
  FILE:2:7: seed: "x" (text) is not a whole number in 0..18446744073709551615
  FILE:4:3: unknown key "train.epcohs" (did you mean "train.epochs"?)
  FILE:5:13: train.replicas: 0 is outside 1..1000000
  --set seed=y: seed: "y" (text) is not a whole number in 0..18446744073709551615`
	want = strings.NewReplacer("BASE", base, "FILE", path).Replace(want)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestNamesOfRuns checks the names of runs, which are also names of folders.
func TestNamesOfRuns(t *testing.T) {
	for _, name := range []string{"../x", "a/../../x", "/x", "..", "a\u202eb", "a\u009bb", "a\u2028b"} {
		got := problems(t, "name: "+strconv.Quote(name)+"\n")
		if len(got) != 1 || !strings.Contains(got[0], "name: ") || !strings.Contains(got[0], "leads out of its folder") {
			t.Errorf("%q: %q", name, got)
		}
	}
	for _, name := range []string{"", "study", "wide net, 2nd", "Versuch 3 – größer", "deep/er", "..x"} {
		if got := problems(t, "name: "+strconv.Quote(name)+"\n"); got != nil {
			t.Errorf("%q: %q", name, got)
		}
	}
}

// TestManyProblems checks that only the first problems are shown.
func TestManyProblems(t *testing.T) {
	err := &Error{}
	for i := range 20_000 {
		err.Problems = append(err.Problems, Problem{Message: fmt.Sprintf("problem %d", i)})
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 22 || lines[20] != "  problem 19" || lines[21] != "  and 19980 more" {
		t.Errorf("%d lines, of which the last are %q", len(lines), lines[len(lines)-2:])
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	folder := t.TempDir()
	long := filepath.Join(folder, "long.yaml")
	if err := os.WriteFile(long, []byte(strings.Repeat("# long\n", longestFile/7+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(folder, "none.yaml"): "read the configuration: no such file or directory",
		folder:                             "is a directory, not a file of settings",
		long:                               "is longer than 262144 bytes, which no experiment needs",
	} {
		_, err := Load(path, nil)
		var wrong *Error
		if !errors.As(err, &wrong) || err.Error() != path+": "+want {
			t.Errorf("got %v, want %s: %s", err, path, want)
		}
	}
}

func TestExtendsFaults(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml":       "extends: b.yaml\n",
		"b.yaml":       "extends: ./a.yaml\n",
		"self.yaml":    "extends: self.yaml\n",
		"dir.yaml":     "extends: .\n",
		"missing.yaml": "extends: gone.yaml\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 17 {
		text := fmt.Sprintf("extends: %d.yaml\n", i+1)
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.yaml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"a.yaml":       "b.yaml:1:10: extends: \"./a.yaml\" leads back",
		"self.yaml":    "self.yaml:1:10: extends: \"self.yaml\" leads back",
		"missing.yaml": "missing.yaml:1:10: extends: \"gone.yaml\" cannot be read: no such file or directory",
		"dir.yaml":     ": is a directory, not a file of settings",
		"0.yaml":       "15.yaml:1:10: extends: \"16.yaml\" makes more than 16 files",
	} {
		if _, err := Load(filepath.Join(folder, name), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

// An alias may repeat a section, but not so often that reading takes long.
func TestAliases(t *testing.T) {
	text := "sweep:\n  definitions:\n    a: &a {train: {epochs: 2}}\n    b: *a\n"
	if got := problems(t, text); got != nil {
		t.Errorf("an alias is an error: %s", got)
	}
	var bomb strings.Builder
	bomb.WriteString("sweep:\n  definitions:\n    a: &a {")
	for i := range 4000 {
		bomb.WriteString("x" + string(rune('a'+i%26)) + strings.Repeat("y", i%7) + number(float64(i)) + ": 1, ")
	}
	bomb.WriteString("}\n")
	for i := range 5000 {
		bomb.WriteString("    n" + number(float64(i)) + ": *a\n")
	}
	start := time.Now()
	got := problems(t, bomb.String())
	if len(got) == 0 || time.Since(start) > 20*time.Second {
		t.Errorf("%d problems after %v", len(got), time.Since(start))
	}
	lines := "a: &a [1, 1]\n"
	for _, pair := range []string{"ba", "cb", "dc", "ed", "fe", "gf", "hg", "ih"} {
		lines += pair[:1] + ": &" + pair[:1] + " [" + strings.Repeat("*"+pair[1:]+",", 9) + "]\n"
	}
	if got := problems(t, lines+"model: {widths: *i}\n"); len(got) == 0 || len(got) > 30 {
		t.Errorf("%d problems with nested aliases", len(got))
	}
}
