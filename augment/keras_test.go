package augment

import (
	"encoding/json"
	"math"
	"path/filepath"
	"testing"

	"onnxlab/internal/npz"
)

// vector is one plan and what Keras makes of it.
type vector struct {
	Source        int  `json:"source"`
	Plan          Plan `json:"plan"`
	height, width int
	source        []uint8
	want          []float64 // before rounding
}

// readVectors reads what testdata/keras_vectors.py recorded.
func readVectors(t *testing.T, name string, channels int64) []vector {
	t.Helper()
	arrays, err := npz.Read(filepath.Join("testdata", name+".npz"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(arrays["cases"].Uint8(), &vectors); err != nil {
		t.Fatal(err)
	}
	sizes, pixels := arrays["sizes"].Int64(), arrays["sources"].Uint8()
	var sources [][]uint8
	for i := 0; i < len(sizes); i += 2 {
		n := sizes[i] * sizes[i+1] * channels
		sources, pixels = append(sources, pixels[:n]), pixels[n:]
	}
	outputs := arrays["outputs"].Uint8()
	for i := range vectors {
		v := &vectors[i]
		v.height, v.width = int(sizes[2*v.Source]), int(sizes[2*v.Source+1])
		v.source = sources[v.Source]
		for range v.source {
			v.want = append(v.want, float64(uint16(outputs[0])|uint16(outputs[1])<<8)/256)
			outputs = outputs[2:]
		}
	}
	if len(outputs) != 0 {
		t.Fatalf("%d bytes of output are left over", len(outputs))
	}
	return vectors
}

func apply(t *testing.T, p Plan, src []uint8, height, width int) []uint8 {
	t.Helper()
	dst := make([]uint8, len(src))
	if err := p.Apply(dst, src, height, width); err != nil {
		t.Fatal(err)
	}
	return dst
}

// Every byte is Keras's value, rounded to the nearest integer. Near ties, the 12
// bits of a weight may round the other way: so the tolerance is 0.5, plus 0.06 for
// the rounding of positions and 0.03 for that of weights.
func TestPlansAgreeWithKeras(t *testing.T) {
	const bound = 0.5 + 0.1
	for _, c := range []struct {
		name     string
		channels int64
		plans    int
	}{{"keras-2018", 3, 200}, {"keras-3", 3, 200}, {"keras-2018-grey", 1, 110}, {"keras-3-grey", 1, 110}} {
		geometry, vectors := c.name, readVectors(t, c.name, c.channels)
		if len(vectors) < c.plans {
			t.Errorf("%s: %d plans, want %d", geometry, len(vectors), c.plans)
		}
		worst, sum, count, moved := 0.0, 0.0, 0, 0
		for i, v := range vectors {
			limit := bound
			if !v.Plan.moves() {
				limit = 0.5
			} else {
				moved++
			}
			for at, got := range apply(t, v.Plan, v.source, v.height, v.width) {
				difference := math.Abs(float64(got) - v.want[at])
				if difference > limit {
					t.Errorf("%s plan %d, %dx%d, byte %d: %d, Keras has %v; plan %v", geometry, i, v.height, v.width, at, got, v.want[at], v.Plan)
					break
				}
				worst, sum, count = max(worst, difference), sum+math.Abs(float64(got)-math.Round(v.want[at])), count+1
			}
		}
		if mean := sum / float64(count); mean > 0.01 {
			t.Errorf("%s: mean difference from Keras's rounded values is %v", geometry, mean)
		}
		t.Logf("%s: %d plans, %d with a warp, %d values: largest difference before rounding %.3f, mean after rounding %.5f", geometry, len(vectors), moved, count, worst, sum/float64(count))
	}
}
