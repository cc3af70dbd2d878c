package rundir

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const firstLine = "epoch,step,learning_rate,loss,accuracy,val_loss,val_accuracy,images_per_second,data_wait,seconds\n"

func TestWriteHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.csv")
	epochs := []Epoch{
		{0, 390, 0.1, 1.5, 0.4375, 1.25, 0.5, 1234.5, 0, 40, 0, 0, false, Diagnosis{}},
		{1, 780, 0.01, 1e-7, 1, 0, 0, 0.30000000000000004, 0.025, 39.5, 0, 0, false, Diagnosis{}},
	}
	if err := WriteHistory(path, epochs); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := firstLine +
		"0,390,0.1,1.5,0.4375,1.25,0.5,1234.5,0,40\n" +
		"1,780,0.01,1e-07,1,0,0,0.30000000000000004,0.025,39.5\n"
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestHistoryRoundTrip(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		share, positive := rapid.Float64Range(0, 1), rapid.Float64Range(0, math.MaxFloat64)
		var epochs []Epoch
		step := 0
		for i := range rapid.IntRange(1, 5).Draw(t, "epochs") {
			step += rapid.IntRange(1, 1000).Draw(t, "steps")
			epochs = append(epochs, Epoch{
				i, step, positive.Draw(t, "rate"), positive.Draw(t, "loss"), share.Draw(t, "accuracy"),
				positive.Draw(t, "val loss"), share.Draw(t, "val accuracy"), positive.Draw(t, "speed"),
				share.Draw(t, "wait"), positive.Draw(t, "seconds"), 0, 0, false, drawDiagnosis(t),
			})
		}
		path := filepath.Join(dir, "history.csv")
		if err := WriteHistory(path, epochs); err != nil {
			t.Fatal(err)
		}
		got, err := ReadHistory(path)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, epochs) {
			t.Fatalf("got %v, want %v", got, epochs)
		}
	})
}

// drawDiagnosis draws the diagnosis of an epoch, or none.
func drawDiagnosis(t *rapid.T) Diagnosis {
	positive := rapid.Float64Range(0, math.MaxFloat64)
	if !rapid.Bool().Draw(t, "measured") {
		return Diagnosis{}
	}
	return Diagnosis{
		positive.Draw(t, "norm"), rapid.Float64Range(-1e9, 1e9).Draw(t, "square"), positive.Draw(t, "variance"), positive.Draw(t, "scale"),
		rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).Draw(t, "sharpness"), positive.Draw(t, "limit"),
		positive.Draw(t, "update"), positive.Draw(t, "ratio"), rapid.Float64Range(1e-9, 1e9).Draw(t, "took"),
	}
}

// TestWriteDiagnoses checks that the columns of diagnoses follow the usual columns. They
// are empty for epochs without a diagnosis, and for what could not be measured.
func TestWriteDiagnoses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.csv")
	epochs := []Epoch{
		{Epoch: 0, Step: 3, Diagnosis: Diagnosis{GradientSquare: -1, GradientVariance: 5, Sharpness: -2.5, StabilityLimit: 38, UpdateNorm: 0.5, UpdateRatio: 0.01, Seconds: 0.25}},
		{Epoch: 1, Step: 6},
	}
	if err := WriteHistory(path, epochs); err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(firstLine) + ",noise_scale,gradient_norm,gradient_square,gradient_variance,sharpness,stability_limit,update_norm,update_ratio,diagnose_seconds\n" +
		"0,3,0,0,0,0,0,0,0,0,,,-1,5,-2.5,38,0.5,0.01,0.25\n" +
		"1,6,0,0,0,0,0,0,0,0,,,,,,,,,\n"
	if got, _ := os.ReadFile(path); string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, c := range []struct{ old, new, want string }{
		{"-2.5", "Inf", `:2:28: sharpness: "Inf" is not a finite number`},
		{",38,", ",-38,", ":2:33: stability_limit: -38 is not a finite number of 0 or more"},
		{"diagnose_seconds", "seconds", ":1:1: the header is"},
	} {
		bad := filepath.Join(t.TempDir(), "history.csv")
		if err := os.WriteFile(bad, []byte(strings.Replace(want, c.old, c.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadHistory(bad); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v, want %q", c.new, c.old, err, c.want)
		}
	}
}

// TestLayers checks that ReadLayers reads what WriteLayers writes, and nothing else.
func TestLayers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "layers.csv")
	if layers, err := ReadLayers(path); err != nil || layers != nil {
		t.Errorf("without a file: %v, %v", layers, err)
	}
	want := []Layer{{0, "a, b.weight", 3, 0.5, 0.125, 2, 100}, {4, "c", 0, 0, 0, 0, 0}}
	if err := WriteLayers(path, want); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadLayers(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v (%v)", got, want, err)
	}
	const head = "epoch,layer,weight_norm,update_norm,update_ratio,gradient_norm,noise_scale\n"
	for _, c := range []struct{ file, want string }{
		{"", ":1:1: the header is not"},
		{"epoch,layer\n", ":1:1: the header is not"},
		{head + "0,a,1,1,1,1\n", ":2:"},
		{head + "-1,a,1,1,1,1,1\n", `:2: epoch: "-1" is not a whole number`},
		{head + "0,a,1,NaN,1,1,1\n", `:2: update_norm: "NaN" is not a finite number`},
		{head + "0,a,1,1,1,1,1", "the line is cut off"},
	} {
		if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadLayers(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.file, err, c.want)
		}
	}
}

func TestReadHistoryRefuses(t *testing.T) {
	row := "0,390,0.1,1.5,0.4375,1.25,0.5,1234.5,0,40\n"
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", "the file is empty"},
		{"header", "epoch,step\n", `:1:1: the header is "epoch,step", not "epoch,step,learning_rate`},
		{"other order", strings.Replace(firstLine, "epoch,step", "step,epoch", 1), ":1:1: the header is"},
		{"no header", row, ":1:1: the header is"},
		{"text", firstLine + "0,390,0.1,abc,0.4,1,0.5,1,0,1\n", `:2:11: loss: "abc" is not a number`},
		{"not finite", firstLine + "0,390,0.1,NaN,0.4,1,0.5,1,0,1\n", ":2:11: loss: NaN is not a finite number"},
		{"infinite", firstLine + "0,390,0.1,1,0.4,+Inf,0.5,1,0,1\n", ":2:17: val_loss: +Inf is not a finite number"},
		{"negative", firstLine + "0,390,-0.1,1,0.4,1,0.5,1,0,1\n", ":2:7: learning_rate: -0.1 is not"},
		{"share", firstLine + "0,390,0.1,1,40,1,0.5,1,0,1\n", ":2:13: accuracy: 40 is outside 0..1"},
		{"fraction of a step", firstLine + "0,1.5,0.1,1,0.4,1,0.5,1,0,1\n", `:2:3: step: "1.5" is not a whole number`},
		{"too large", firstLine + "0,99999999999999999999,0.1,1,0.4,1,0.5,1,0,1\n", ":2:3: step:"},
		{"short row", firstLine + row + "1,780\n", ":3:1: 2 columns where there are 10"},
		{"long row", firstLine + strings.TrimSuffix(row, "\n") + ",1\n", ":2:1: 11 columns where there are 10"},
		{"gap", firstLine + row + "2,780,0.1,1,0.4,1,0.5,1,0,1\n", ":3:1: epoch: 2 where 1 comes next"},
		{"first missing", firstLine + "1,390,0.1,1,0.4,1,0.5,1,0,1\n", ":2:1: epoch: 1 where 0 comes next"},
		{"no step", firstLine + row + "1,390,0.1,1,0.4,1,0.5,1,0,1\n", ":3:3: step: 390 is not above 390"},
		{"cut off", firstLine + row + "1,780,0.1,1,0.4,1,0.5,1,0,1", ":3: the line is cut off"},
		{"quote", firstLine + "0,390,\"0.1,1\n", ":2"},
		{"endless header", strings.Repeat("x", 1<<20), `:1:1: the header is "` + strings.Repeat("x", 160) + `", not "epoch,step`},
		{"endless number", firstLine + strings.Repeat("x", 1<<20) + ",390,0.1,1,0.4,1,0.5,1,0,1\n", `:2:1: epoch: "` + strings.Repeat("x", 80) + `" is not`},
		{"endless", strings.Repeat("\x00", 1<<24+1), ": it has more than 16777216 bytes"},
		{"zeros", firstLine + row + "\x00\x00\x00\n", ":3:1: 1 columns"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history.csv")
			if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := ReadHistory(path)
			var damaged *DataError
			if !errors.As(err, &damaged) || damaged.Path != path {
				t.Fatalf("error is %v, not a DataError of %q", err, path)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %q, which lacks %q", err, c.want)
			}
		})
	}
}

func TestReadHistoryWithoutFile(t *testing.T) {
	if _, err := ReadHistory(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}

func TestWriteHistoryRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.csv")
	for want, epochs := range map[string][]Epoch{
		"epoch 0: loss: NaN":         {{Step: 1, Loss: math.NaN()}},
		"epoch 0: data_wait: 1.5":    {{Step: 1, DataWait: 1.5}},
		"epoch 1: step: 3 is not":    {{Step: 3}, {Epoch: 1, Step: 3}},
		"epoch 1: epoch: 0 where 1":  {{Step: 3}, {Epoch: 0, Step: 4}},
		"epoch 0: images_per_second": {{Step: 1, ImagesPerSecond: math.Inf(1)}},
	} {
		if err := WriteHistory(path, epochs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, which lacks %q", err, want)
		}
	}
	if exists(path) {
		t.Error("a refused history was written")
	}
}

func FuzzReadHistory(f *testing.F) {
	f.Add(firstLine + "0,390,0.1,1.5,0.4375,1.25,0.5,1234.5,0,40\n")
	f.Add("epoch\n\"")
	f.Fuzz(func(t *testing.T, file string) {
		path := filepath.Join(t.TempDir(), "history.csv")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		epochs, err := ReadHistory(path)
		if err != nil {
			return
		}
		if err := WriteHistory(path, epochs); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}
