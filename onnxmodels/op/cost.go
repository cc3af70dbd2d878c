package op

import (
	"math"

	"onnxlab/onnxmodels/graph"
)

// Times is the product of two costs. One that an int64 cannot hold, as a stranger's model
// may have it, is the largest.
func Times(a, b int64) int64 {
	if a > 0 && b > math.MaxInt64/a {
		return math.MaxInt64
	}
	return a * b
}

// Elements is the number of elements of a shape, as costs count them: symbols are 1.
func Elements(s graph.Shape) int64 {
	n := int64(1)
	for _, d := range s {
		n = Times(n, d.Size)
	}
	return n
}
