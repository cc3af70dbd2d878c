package importer

import (
	"slices"

	"onnxlab/onnxmodels/graph"
)

// batchAt is which dimension is a multiple of the batch, or -1 if none or several are.
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

// openSizes returns the sizes of a Reshape, which are for n images, with -1 where the batch
// is; nil if they can stay. x is the shape before it. Inner tells that in its dimension of
// the batch the images are not apart, but beside each other for each of something else.
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
		to = placeOfMany(before, whole, n)
	case !inner && keeps(x, at, whole):
		to = at
	default:
		to = placeOfOne(x[at+1:], before, whole)
	}
	if to < 0 || to == rest {
		return nil
	}
	whole[to] = -1
	return whole
}

// wholeSizes returns sizes with numbers in place of 0 and -1, and which was -1. It returns nil
// if they do not fit x.
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

// placeOfMany is which of the sizes has the batch of n images, of which so many elements of
// outer dimensions are before it.
func placeOfMany(before int64, sizes []int64, n int64) int {
	outer := int64(1)
	for i, size := range sizes {
		if outer <= before && before < outer*size && size%n == 0 {
			return i
		}
		outer *= size
	}
	return -1
}

// keeps tells whether the sizes have the same dimensions as x until the batch, and it.
func keeps(x graph.Shape, at int, sizes []int64) bool {
	return at < len(sizes) && slices.EqualFunc(x[:at+1], sizes[:at+1], func(d graph.Dim, size int64) bool { return d.Size == size })
}

// placeOfOne is which of the sizes has the batch, of one image. They alone do not always tell
// it. It is taken to be before the dimensions that x has behind it, if they stay what they
// are; else where as many elements are before it as in x, though not in the last dimension,
// which is of features.
func placeOfOne(behind graph.Shape, before int64, sizes []int64) int {
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

// innerBatch tells whether the images of the batch are beside each other in a dimension of v
// that is a multiple of it: [2, batch] as [2*batch], unlike [batch, 2].
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

// keepBatch returns the sizes of an Expand of x with 1, which keeps what x has, where they
// are the batch of x; nil if they can stay.
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
