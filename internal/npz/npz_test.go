package npz

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWriteRead: reading returns what was written, and writing twice gives the
// same bytes.
func TestWriteRead(t *testing.T) {
	pixels, values := []uint8{1, 2, 3, 4, 5, 255}, []float32{-1.5, 0, 3e-9, 7}
	archive := Archive{"pixels": Uint8s(pixels, 1, 2, 3), "values": Float32s(values, 4), "scalar": Float32s(values[:1])}
	var first, second bytes.Buffer
	for _, to := range []*bytes.Buffer{&first, &second} {
		if err := Write(to, archive); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two archives of the same arrays differ")
	}
	path := filepath.Join(t.TempDir(), "arrays.npz")
	if err := os.WriteFile(path, first.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if p := got["pixels"]; !slices.Equal(p.Shape, []int{1, 2, 3}) || !slices.Equal(p.Uint8(), pixels) {
		t.Errorf("pixels are %v of shape %v", p.Uint8(), p.Shape)
	}
	if v := got["values"]; !slices.Equal(v.Shape, []int{4}) || !slices.Equal(v.Float32(), values) {
		t.Errorf("values are %v of shape %v", v.Float32(), v.Shape)
	}
	if s := got["scalar"]; len(s.Shape) != 0 || !slices.Equal(s.Float32(), values[:1]) {
		t.Errorf("scalar is %v of shape %v", s.Float32(), s.Shape)
	}
}

// TestHugeShape: a shape whose size does not fit an integer is an error.
func TestHugeShape(t *testing.T) {
	a := Uint8s(nil, 1<<30, 1<<30, 16)
	var b bytes.Buffer
	if err := Write(&b, Archive{"a": a}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "huge.npz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "more than 1073741824 bytes") {
		t.Errorf("error %v", err)
	}
}
