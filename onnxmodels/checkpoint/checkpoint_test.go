package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func example() *Checkpoint {
	w := Tensor{Name: "dense.weight", Shape: []int{2, 3}, Data: []float32{1, -2, 3.5, 0, float32(math.Inf(1)), 1e-30}}
	b := Tensor{Name: "dense.bias", Shape: []int{3}, Data: []float32{4, 5, 6}}
	scalar := Tensor{Name: "scalar", Shape: []int{}, Data: []float32{7}}
	return &Checkpoint{
		Trainable: []Tensor{w, b}, Frozen: []Tensor{scalar},
		Optimizer: &Optimizer{
			Step: 7, InitialLearningRate: 0.5,
			States: []State{{Parameter: "dense.bias", Momenta: []Tensor{
				{Name: "momentum0", Shape: []int{3}, Data: []float32{1, 2, 3}},
				{Name: "momentum1", Shape: []int{3}, Data: []float32{0, 0, 0}},
			}}},
		},
		Properties: Properties{
			Ints: map[string]int64{"epoch": -3, "zero": 0}, Floats: map[string]float32{"loss": 0.25},
			Strings: map[string]string{"name": "ü", "empty": ""},
		},
	}
}

func TestRoundTrip(t *testing.T) {
	for name, c := range map[string]*Checkpoint{
		"full":         example(),
		"empty":        {},
		"no optimizer": {Trainable: example().Trainable},
		"no states":    {Trainable: example().Trainable, Optimizer: &Optimizer{Step: 1}},
	} {
		path := filepath.Join(t.TempDir(), "checkpoint")
		if err := Write(path, c); err != nil {
			t.Fatal(err)
		}
		got, err := Read(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(Encode(got), Encode(c)) {
			t.Errorf("%s: read back as %+v", name, got)
		}
	}
	got, err := Decode(Encode(example()))
	if err != nil {
		t.Fatal(err)
	}
	if p := got.Parameter("dense.weight"); p == nil || p.Data[2] != 3.5 || got.Properties.Ints["epoch"] != -3 ||
		got.Properties.Strings["name"] != "ü" || got.Optimizer.Step != 7 || got.Optimizer.States[0].Momenta[0].Data[2] != 3 {
		t.Errorf("read %+v", got)
	}
	if got.Parameter("nothing") != nil {
		t.Error("found a parameter that is not there")
	}
}

// TestRandomRoundTrip writes and reads random tensors.
func TestRandomRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &Checkpoint{}
		for range rapid.IntRange(0, 5).Draw(t, "tensors") {
			shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "shape")
			n := 1
			for _, d := range shape {
				n *= d
			}
			data := rapid.SliceOfN(rapid.Float32(), n, n).Draw(t, "data")
			c.Frozen = append(c.Frozen, Tensor{Name: rapid.String().Draw(t, "name"), Shape: shape, Data: data})
		}
		got, err := Decode(Encode(c))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(Encode(got), Encode(c)) {
			t.Fatal("another checkpoint came back")
		}
	})
}

// TestTruncated checks that every truncated file is refused, with its name in the error.
func TestTruncated(t *testing.T) {
	data := Encode(example())
	path := filepath.Join(t.TempDir(), "cut")
	for n := range len(data) {
		if err := os.WriteFile(path, data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Read(path)
		// Padding and an optional tail may be cut off without loss.
		if err == nil && !bytes.Equal(Encode(c), data) {
			t.Errorf("the first %d of %d bytes were read as another checkpoint", n, len(data))
		}
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("error %q does not name the file", err)
		}
	}
}

// TestFaults checks that errors name what is wrong.
func TestFaults(t *testing.T) {
	version := Encode(example())
	for i := range version {
		// The version is the only field of value 2 in the root table.
		if i > 8 && bytes.Equal(version[i:i+4], []byte{2, 0, 0, 0}) {
			version[i] = 3
			break
		}
	}
	for want, data := range map[string][]byte{
		"not an ONNX Runtime training checkpoint": []byte("an ONNX model, say"),
		"version 3": version,
	} {
		if _, err := Decode(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
	if _, err := Read(t.TempDir()); err == nil {
		t.Error("a directory was read")
	}
}

// TestWriteRefuses checks that Write refuses what Read would refuse.
func TestWriteRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint")
	short := example()
	short.Trainable[0].Data = short.Trainable[0].Data[1:]
	for want, c := range map[string]*Checkpoint{
		"there is no checkpoint":                                 nil,
		fmt.Sprintf("tensor %q: shape", short.Trainable[0].Name): short,
	} {
		if err := Write(path, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file was written")
	}
}

// FuzzDecode: no input panics or takes much memory, and what is accepted can
// be written and read again.
func FuzzDecode(f *testing.F) {
	f.Add(Encode(example()))
	f.Add(Encode(&Checkpoint{}))
	f.Add([]byte("\x10\x00\x00\x00ODTC"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Decode(Encode(c))
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if !bytes.Equal(Encode(again), Encode(c)) {
			t.Fatal("another checkpoint came back")
		}
	})
}
