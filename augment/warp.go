package augment

import "math"

// Positions in the source are fixed-point numbers with this many bits of
// fraction: enough that adding a step 65,536 times stays exact to 2^-16.
const positionBits = 32

// fixed converts x to a position. It clamps x to ±2^30, which is outside any
// image.
func fixed(x float64) int64 {
	const limit = 1 << 30
	return int64(math.Round(min(max(x, -limit), limit) * (1 << positionBits)))
}

// roundPosition is added to positions, so that truncating their fractions to
// fractionBits rounds to nearest.
const roundPosition = 1 << (positionBits - fractionBits - 1)

// warp is scipy.ndimage.affine_transform(order=1, mode="nearest") on packed
// pixels: positions are clamped to the image, and values are interpolated
// bilinearly between the four pixels around them.
//
// src is the result of packPairs. dst has height rows of width words, to which
// half is added already, so that truncating them rounds to nearest.
func warp(dst, src []uint64, height, width int, m matrix) {
	maxRow, maxColumn := uint64(height-1)<<positionBits, uint64(width-1)<<positionBits
	dr, dc := fixed(m.rc), fixed(m.cc)
	for i := range height {
		r := fixed(m.r0+m.rr*float64(i)) + roundPosition
		c := fixed(m.c0+m.cr*float64(i)) + roundPosition
		warpRow(dst[i*width:(i+1)*width], src, width+1, line{uint64(r), uint64(c), uint64(dr), uint64(dc), maxRow, maxColumn})
	}
}

// line is a walk over the source: where it starts, its step, and the greatest
// row and column. Negative numbers wrap around.
type line struct{ r, c, dr, dc, maxRow, maxColumn uint64 }

func warpRow(dst, src []uint64, stride int, l line) {
	r, c, step := l.r, l.c, uint32(stride*2)
	for j := range dst {
		row, column := r, c
		if row > l.maxRow {
			row = clamp(row, l.maxRow)
		}
		if column > l.maxColumn {
			column = clamp(column, l.maxColumn)
		}
		first := int(uint32(row>>positionBits)*step + uint32(column>>positionBits)*2)
		four := src[first : first+4 : first+4]
		fr := row >> (positionBits - fractionBits) & fractionMask
		fc := column >> (positionBits - fractionBits) & fractionMask
		both := (fr*fc + one/2) >> fractionBits
		// The weights of the four are (1-fr)(1-fc), fr(1-fc), (1-fr)fc and
		// fr·fc, multiplied out: the differences may borrow from the channel
		// above, but the sum does not, and is exact modulo 2^64.
		a := four[0]
		down, across := four[1]-a, four[2]-a
		dst[j] = a<<fractionBits + half + fr*down + fc*across + both*(four[3]-four[1]-across)
		r += l.dr
		c += l.dc
	}
}

// clamp returns the nearest position inside for one that is outside.
func clamp(position, greatest uint64) uint64 {
	if int64(position) < 0 {
		return 0
	}
	return greatest
}

// packPairs packs an image with each pixel beside the one below it, so that
// the four pixels around a position lie next to each other. Rows and columns
// past the end are multiplied by zero.
func packPairs(dst []uint64, src []uint8, height, width int) {
	stride := 2 * (width + 1)
	for row := range height {
		pixels := src[row*width*3 : (row+1)*width*3]
		above := dst[max(row-1, 0)*stride+1:][:stride]
		here := dst[row*stride:][:stride]
		for i := range width - 1 {
			v := packFour(pixels, i*3)
			here[2*i], above[2*i] = v, v
		}
		v := packThree(pixels, (width-1)*3)
		here[2*width-2], above[2*width-2] = v, v
	}
}
