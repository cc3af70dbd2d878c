package configs

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// Reading any bytes must give an experiment that can be written and read again, or an
// *Error.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		"", "seed: 1\n", "train: {epochs: 3}\n---\n", "a: &a [*a]\n", "\tx: 1\n", "\xff\xfe\x00",
		"sweep: {definitions: {a: {train: {epochs: 2}}, b: {schedule: {decay_epochs: [1, 2]}}}}\n",
		"augment: {recipe: custom, operations: [{kind: flip, probability: 0.5}]}\n",
		"train: &t\n  epochs: 1_0\nmodel: *t\n", "? [a]\n: b\n", "name: !!binary aGk=\n", "%YAML 1.1\n--- |\n x\n",
		"\ufeff%YAML 1.2 # c\r\n---\r\nseed: 1\r\n", "%TAG ! x\n%YAML\n %Y\n", "\xff\xfe%\x00\n\x00", "\xfe\xff\x00",
		"schedule: {warmup_epochs: 3, decay_epochs: [2, 200]}\ntrain: {epochs: 2}\n",
	} {
		f.Add([]byte(text))
	}
	shipped, err := filepath.Glob("*.yaml")
	if err != nil || len(shipped) == 0 {
		f.Fatal(shipped, err)
	}
	for _, path := range shipped {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > longestFile {
			return
		}
		k := newKeys()
		r := &reader{keys: k, source: "x.yaml"}
		r.document(data)
		resolved, err := k.resolve([]*reader{r})
		var wrong *Error
		switch {
		case err == nil:
			checkKept(t, k, resolved.Experiment)
		case !errors.As(err, &wrong):
			t.Fatalf("%v is no *Error", err)
		}
	})
}

func checkKept(t *testing.T, k *keys, want Experiment) {
	t.Helper()
	text, err := Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	again := &reader{keys: k, source: "y.yaml"}
	again.document(text)
	got, err := k.resolve([]*reader{again})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if !reflect.DeepEqual(got.Experiment, want) {
		t.Fatalf("got  %+v\nwant %+v", got.Experiment, want)
	}
}
