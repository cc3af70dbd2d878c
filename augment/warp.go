package augment

import "math"

// Positions in the source are fixed-point numbers with this many bits of
// fraction: enough that adding a step 65,536 times stays exact to 2^-16.
const positionBits = 32

// fixed is x as a position, within ±2^30, where every position is outside
// any image.
func fixed(x float64) int64 {
	const limit = 1 << 30
	return int64(math.Round(min(max(x, -limit), limit) * (1 << positionBits)))
}

// roundPosition, added to a position, makes cutting its fraction to
// fractionBits round to nearest.
const roundPosition = 1 << (positionBits - fractionBits - 1)

// warp is scipy.ndimage.affine_transform(order=1, mode="nearest") on packed
// pixels: positions are held inside the image, and the value is bilinear
// between the four pixels around them.
//
// src has height+1 rows of width+1 words; what the last row and column hold
// is multiplied by zero. dst has height rows of width words.
func warp(dst, src []uint64, height, width int, m matrix) {
	maxRow, maxColumn := int64(height-1)<<positionBits, int64(width-1)<<positionBits
	dr, dc := fixed(m.rc), fixed(m.cc)
	for i := range height {
		r := fixed(m.r0+m.rr*float64(i)) + roundPosition
		c := fixed(m.c0+m.cr*float64(i)) + roundPosition
		warpRow(dst[i*width:(i+1)*width], src, width+1, line{r, c, dr, dc, maxRow, maxColumn})
	}
}

// line is a walk over the source: where it starts, its step, and the greatest
// row and column.
type line struct{ r, c, dr, dc, maxRow, maxColumn int64 }

func warpRow(dst, src []uint64, stride int, l line) {
	r, c := l.r, l.c
	for j := range dst {
		row, column := r, c
		if uint64(row) > uint64(l.maxRow) {
			row = min(max(row, 0), l.maxRow)
		}
		if uint64(column) > uint64(l.maxColumn) {
			column = min(max(column, 0), l.maxColumn)
		}
		at := int(row>>positionBits)*stride + int(column>>positionBits)
		top := (*[2]uint64)(src[at:])
		bottom := (*[2]uint64)(src[at+stride:])
		fr := uint64(row) >> (positionBits - fractionBits) & fractionMask
		fc := uint64(column) >> (positionBits - fractionBits) & fractionMask
		both := (fr*fc + one/2) >> fractionBits
		// The weights of the four are (1-fr)(1-fc), (1-fr)fc, fr(1-fc) and
		// fr·fc, multiplied out: the differences may borrow from the channel
		// above, but the sum does not, and is exact modulo 2^64.
		a, b := top[0], bottom[0]
		across, down := top[1]-a, b-a
		dst[j] = a<<fractionBits + fc*across + fr*down + both*(bottom[1]-b-across)
		r += l.dr
		c += l.dc
	}
}
