package augment

import "math"

// translation is warp for a matrix that only shifts, and perhaps mirrors. The
// four weights are the same for all pixels, and each row of the source is
// packed once, with its edges already repeated.
type translation struct {
	row, column   int    // of the source, for the first pixel of the result
	down, right   int    // 1, or -1 if mirrored
	fr, fc, both  uint64 // weights of the next row and the next column, and their product
	height, width int
}

// newTranslation splits the offset of m into whole pixels and weights.
func newTranslation(m matrix, height, width int) translation {
	t := translation{down: int(m.rr), right: int(m.cc), height: height, width: width}
	t.row, t.fr = split(m.r0, m.rr, height)
	t.column, t.fc = split(m.c0, m.cc, width)
	t.both = (t.fr*t.fc + one/2) >> fractionBits
	return t
}

// split splits an offset into the pixel at which a walk starts and the weight of
// the next pixel in the direction of the walk.
func split(offset, direction float64, size int) (first int, weight uint64) {
	limit := float64(2 * size)
	offset = min(max(offset*direction, -limit), limit)
	units := int(math.Round(offset * one))
	return (units >> fractionBits) * int(direction), uint64(units & fractionMask)
}

// packLine packs one row of the source, in the direction of the walk, into width+1
// words. Rows and columns outside the image are replaced by the nearest inside.
func (t *translation) packLine(dst []uint64, src []uint8, row int) {
	row = min(max(row, 0), t.height-1)
	line := src[row*t.width*3 : (row+1)*t.width*3]
	if t.right > 0 {
		packForward(dst, line, t.column)
	} else {
		packBackward(dst, line, t.column)
	}
}

// blend writes one row from the lines above and below the position.
func (t *translation) blend(dst, top, bottom []uint64) {
	fr, fc, both := t.fr, t.fc, t.both
	top, bottom = top[:len(dst)+1], bottom[:len(dst)+1]
	a := top[0]
	down := bottom[0] - a
	part := fc*a + both*down
	for j := range dst {
		// As in warp, but the terms that the next pixel shares are kept.
		whole := a<<fractionBits + half + fr*down - part
		a = top[j+1]
		down = bottom[j+1] - a
		part = fc*a + both*down
		dst[j] = whole + part
	}
}

// apply writes the translated image into dst, height·width words. lines is
// room for 2·(width+1) words.
func (t *translation) apply(dst, lines []uint64, src []uint8) {
	top, bottom := lines[:t.width+1], lines[t.width+1:2*(t.width+1)]
	t.packLine(bottom, src, t.row)
	for i := range t.height {
		top, bottom = bottom, top
		t.packLine(bottom, src, t.row+(i+1)*t.down)
		t.blend(dst[i*t.width:(i+1)*t.width], top, bottom)
	}
}

// packForward packs pixels first, first+1, ... of a row.
func packForward(dst []uint64, row []uint8, first int) {
	width := len(row) / 3
	before := min(max(-first, 0), len(dst))
	fill(dst[:before], packThree(row, 0))
	inside := min(max(width-first-before, 0), len(dst)-before)
	if inside > 0 {
		packRow(dst[before:before+inside], row[(first+before)*3:])
	}
	fill(dst[before+inside:], packThree(row, (width-1)*3))
}

// packBackward packs pixels first, first-1, ... of a row.
func packBackward(dst []uint64, row []uint8, first int) {
	width := len(row) / 3
	before := min(max(first-(width-1), 0), len(dst))
	fill(dst[:before], packThree(row, (width-1)*3))
	inside := min(max(first-before+1, 0), len(dst)-before)
	if inside > 0 {
		reverseRow(dst[before:before+inside], row[:(first-before+1)*3])
	}
	fill(dst[before+inside:], packThree(row, 0))
}

// reverseRow packs the pixels at the end of src, the last first.
func reverseRow(dst []uint64, src []uint8) {
	offset := len(src) - 3
	dst[0] = packThree(src, offset)
	for i := 1; i < len(dst); i++ {
		dst[i] = packFour(src, offset-i*3)
	}
}

func fill(dst []uint64, v uint64) {
	for i := range dst {
		dst[i] = v
	}
}
