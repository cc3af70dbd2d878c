package importer

import (
	"slices"
	"testing"

	"onnxlab/onnxmodels/graph"
)

// TestOpenSizes opens the sizes that Reshapes have in models for n images.
func TestOpenSizes(t *testing.T) {
	batch := func(n int64) graph.Dim { return graph.Dim{Size: n, Symbol: BatchSymbol} }
	d := graph.Fixed
	for name, c := range map[string]struct {
		x     graph.Shape
		inner bool
		sizes []int64
		n     int64
		want  []int64
	}{
		"flattened":                {graph.Shape{batch(1), d(64), d(2), d(2)}, false, []int64{1, 256}, 1, []int64{-1, 256}},
		"flattened, rest":          {graph.Shape{batch(1), d(64), d(2), d(2)}, false, []int64{4, -1}, 4, []int64{-1, 256}},
		"kept":                     {graph.Shape{batch(1), d(64), d(2), d(2)}, false, []int64{0, -1}, 1, nil},
		"rest is the batch":        {graph.Shape{batch(1), d(64), d(2), d(2)}, false, []int64{-1, 256}, 1, nil},
		"channels shuffled":        {graph.Shape{batch(1), d(6), d(2), d(2)}, false, []int64{1, 2, 3, 2, 2}, 1, []int64{-1, 2, 3, 2, 2}},
		"windows":                  {graph.Shape{batch(1), d(8), d(8), d(7), d(7), d(24)}, false, []int64{64, 49, 24}, 1, []int64{-1, 49, 24}},
		"windows of four":          {graph.Shape{batch(1), d(8), d(8), d(7), d(7), d(24)}, false, []int64{256, 49, 24}, 4, []int64{-1, 49, 24}},
		"images of windows":        {graph.Shape{batch(64), d(49), d(24)}, false, []int64{1, 8, 8, 7, 7, 24}, 1, []int64{-1, 8, 8, 7, 7, 24}},
		"heads":                    {graph.Shape{d(17), batch(1), d(64)}, false, []int64{17, 4, 16}, 1, []int64{17, -1, 16}},
		"heads of four":            {graph.Shape{d(17), batch(1), d(64)}, false, []int64{17, 16, 16}, 4, []int64{17, -1, 16}},
		"rows of features":         {graph.Shape{d(17), batch(1), d(4), d(16)}, false, []int64{17, 64}, 1, []int64{-1, 64}},
		"rows of features of four": {graph.Shape{d(17), batch(1), d(4), d(16)}, false, []int64{68, 64}, 4, []int64{-1, 64}},
		"rows, features kept":      {graph.Shape{d(17), batch(1), d(64)}, false, []int64{17, 64}, 1, []int64{-1, 64}},
		"rows taken apart":         {graph.Shape{batch(17), d(64)}, true, []int64{17, 1, 64}, 1, []int64{17, -1, 64}},
		"rows of four taken apart": {graph.Shape{batch(17), d(64)}, true, []int64{17, 4, 64}, 4, []int64{17, -1, 64}},
		"no batch":                 {graph.Shape{d(1), d(64)}, false, []int64{64}, 1, nil},
		"does not fit":             {graph.Shape{batch(1), d(64)}, false, []int64{1, 65}, 1, nil},
	} {
		if got := openSizes(c.x, c.inner, c.sizes, c.n); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v as %v is %v, want %v", name, c.x, c.sizes, got, c.want)
		}
	}
}
