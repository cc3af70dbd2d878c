package importer

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// batchAt returns the index of the dimension that is a multiple of the batch; -1 if none or
// several are symbolic.
func batchAt(s graph.Shape) int {
	at := -1
	for i, d := range s {
		switch {
		case d.Symbol == BatchSymbol && at < 0:
			at = i
		case d.Symbol != "":
			return -1
		}
	}
	return at
}

// openSizes takes the target sizes of a Reshape in a file for n images and returns them with
// -1 in place of the batch, so that any number of images fits; nil if they can stay as they
// are. x is the shape before the Reshape. inner says that in x's batch dimension the image is
// the inner index, as in [2, batch] flattened to [2*batch].
func openSizes(x graph.Shape, inner bool, sizes []int64, n int64) []int64 {
	at := batchAt(x)
	if at < 0 || len(sizes) == 0 || at < len(sizes) && sizes[at] == 0 {
		return nil
	}
	whole, rest := wholeSizes(x, sizes, n)
	if whole == nil {
		return nil
	}
	before := int64(1)
	for _, d := range x[:at] {
		before *= d.Size
	}
	if inner {
		before *= x[at].Size
	}
	var to int
	switch {
	case n > 1:
		to = batchSizeIndex(before, whole, n)
	case !inner && keeps(x, at, whole):
		to = at
	default:
		to = guessBatchIndex(x[at+1:], before, whole)
	}
	if to < 0 || to == rest {
		return nil
	}
	whole[to] = -1
	return whole
}

// wholeSizes returns sizes with 0 and -1 replaced by the numbers they stand for, and the index
// of the -1, or -1 if there is none. It returns nil if the sizes do not fit x.
func wholeSizes(x graph.Shape, sizes []int64, n int64) (whole []int64, rest int) {
	whole, rest = slices.Clone(sizes), -1
	total, known := n, int64(1)
	for i, d := range x {
		if total *= d.Size; i < len(sizes) && sizes[i] == 0 {
			whole[i] = d.Size
		}
	}
	for i, d := range whole {
		if d == -1 {
			rest = i
		} else {
			known *= d
		}
	}
	if known == 0 || rest < 0 && known != total || total%known != 0 {
		return nil, -1
	}
	if rest >= 0 {
		whole[rest] = total / known
	}
	return whole, rest
}

// batchSizeIndex returns the index of the size that contains the batch of n images, or -1 if
// there is none. before is the product of the dimensions before the batch.
func batchSizeIndex(before int64, sizes []int64, n int64) int {
	outer := int64(1)
	for i, size := range sizes {
		if outer <= before && before < outer*size && size%n == 0 {
			return i
		}
		outer *= size
	}
	return -1
}

// keeps reports whether the sizes equal x's dimensions up to and including the batch.
func keeps(x graph.Shape, at int, sizes []int64) bool {
	return at < len(sizes) && slices.EqualFunc(x[:at+1], sizes[:at+1], func(d graph.Dim, size int64) bool { return d.Size == size })
}

// guessBatchIndex returns the index of the size that is the batch in a file for one image, or -1
// if none can be. All sizes of 1 look the same, so this is a guess. If the dimensions after the
// batch stay the same, the batch is right before them. Otherwise it is where the sizes before it
// have the same product as in x, but not in the last dimension, which holds features.
func guessBatchIndex(behind graph.Shape, before int64, sizes []int64) int {
	last := len(sizes) - 1
	if start := len(sizes) - len(behind); before > 1 && len(behind) > 0 && start > 0 {
		if slices.EqualFunc(behind, sizes[start:], func(d graph.Dim, size int64) bool { return d.Size == size }) {
			return start - 1
		}
	}
	outer := int64(1)
	for i, size := range sizes {
		if outer == before && (i < last || last == 0) {
			return i
		}
		if outer *= size; outer == before && i+1 == last {
			return i
		}
	}
	return -1
}

// innerBatch reports how v's batch dimension is ordered if it is a multiple of the batch: true
// for [2, batch] flattened to [2*batch], false for [batch, 2].
func innerBatch(v *graph.Value) bool {
	at := batchAt(v.Shape)
	if at < 0 || v.Shape[at].Size == 1 {
		return false
	}
	for n := v.Producer(); n != nil; n = v.Producer() {
		from := slices.IndexFunc(n.Inputs, func(in *graph.Value) bool { return in != nil && batchAt(in.Shape) >= 0 })
		if from < 0 {
			return false
		}
		in := n.Inputs[from]
		was := batchAt(in.Shape)
		if in.Shape[was] != v.Shape[at] {
			a, _ := in.Shape[:was].Elements()
			b, _ := v.Shape[:at].Elements()
			return n.Is("", "Reshape") && a > b
		}
		v, at = in, was
	}
	return false
}

// keepBatch returns the sizes of an Expand of x with 1 in place of the batch, because Expand
// then keeps x's own size; nil if they can stay as they are.
func keepBatch(x graph.Shape, sizes []int64, n int64) []int64 {
	at := batchAt(x)
	i := at + len(sizes) - len(x)
	if at < 0 || i < 0 || i >= len(sizes) || sizes[i] != n*x[at].Size {
		return nil
	}
	open := slices.Clone(sizes)
	open[i] = 1
	return open
}
