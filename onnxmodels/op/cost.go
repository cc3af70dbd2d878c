package op

import (
	"math"

	"onnxlab/onnxmodels/graph"
)

// Times returns the product of two costs, or the largest int64 if the product overflows, as it
// may for a hostile model.
func Times(a, b int64) int64 {
	if a > 0 && b > math.MaxInt64/a {
		return math.MaxInt64
	}
	return a * b
}

// Elements returns the number of elements of a shape, counting each symbol as 1.
func Elements(s graph.Shape) int64 {
	n := int64(1)
	for _, d := range s {
		n = Times(n, d.Size)
	}
	return n
}
