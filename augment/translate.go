package augment

import "math"

// translation is warp for a matrix that only shifts, and perhaps mirrors: the
// four weights are the same for all pixels, and each row of the source is
// packed once, with the edges already repeated.
type translation struct {
	row, column   int // of the source, for the first pixel of the result
	down, right   int // 1, or -1 mirrored
	weights       [4]uint64
	height, width int
}

// newTranslation splits the offset of m into whole pixels and weights.
func newTranslation(m matrix, height, width int) translation {
	row, fr := split(m.r0, m.rr, height)
	column, fc := split(m.c0, m.cc, width)
	both := (fr*fc + one/2) >> fractionBits
	return translation{
		row: row, column: column, down: int(m.rr), right: int(m.cc),
		weights: [4]uint64{one - fr - fc + both, fc - both, fr - both, both},
		height:  height, width: width,
	}
}

// split gives the first pixel of a walk and the weight of the one after it in
// the direction of the walk.
func split(offset, direction float64, size int) (first int, weight uint64) {
	limit := float64(2 * size)
	offset = min(max(offset*direction, -limit), limit)
	units := int(math.Round(offset * one))
	return (units >> fractionBits) * int(direction), uint64(units & fractionMask)
}

// packLine packs one row of the source, as the walk meets it, into width+1
// words. Rows and columns outside the image are the nearest inside.
func (t *translation) packLine(dst []uint64, src []uint8, row int) {
	row = min(max(row, 0), t.height-1)
	line := src[row*t.width*3 : (row+1)*t.width*3]
	if t.right > 0 {
		packForward(dst, line, t.column)
	} else {
		packBackward(dst, line, t.column)
	}
}

// blend writes one row: dst and the lines above and below the position.
func (t *translation) blend(dst, top, bottom []uint64) {
	w := &t.weights
	top, bottom = top[:len(dst)+1], bottom[:len(dst)+1]
	a, b := top[0], bottom[0]
	for j := range dst {
		nextA, nextB := top[j+1], bottom[j+1]
		dst[j] = a*w[0] + nextA*w[1] + b*w[2] + nextB*w[3]
		a, b = nextA, nextB
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
	fill(dst[:before], at(row, 0))
	inside := min(max(width-first-before, 0), len(dst)-before)
	if inside > 0 {
		packRow(dst[before:before+inside], row[(first+before)*3:])
	}
	fill(dst[before+inside:], at(row, width-1))
}

// packBackward packs pixels first, first-1, ... of a row.
func packBackward(dst []uint64, row []uint8, first int) {
	width := len(row) / 3
	before := min(max(first-(width-1), 0), len(dst))
	fill(dst[:before], at(row, width-1))
	inside := min(max(first-before+1, 0), len(dst)-before)
	for k := range inside {
		dst[before+k] = at(row, first-before-k)
	}
	fill(dst[before+inside:], at(row, 0))
}

func at(row []uint8, i int) uint64 {
	b := row[i*3 : i*3+3 : i*3+3]
	return pack(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16)
}

func fill(dst []uint64, v uint64) {
	for i := range dst {
		dst[i] = v
	}
}
