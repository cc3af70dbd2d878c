package resize

import "math"

// preciseBits is PRECISION_BITS of Pillow's Resample.c.
const preciseBits = 32 - 8 - 2

// bicubic gives the same bytes as Pillow: it resizes along the rows first. After that
// pass it rounds and clips to bytes, because this filter can go beyond the values of its
// source.
func (r *Resizer) bicubic(dst []uint8, p Picture) {
	rows, columns := &r.rows, &r.columns
	top, bottom := rows.reach()
	width := len(columns.first)
	first := r.between(3 * width * (bottom - top))
	for row := top; row < bottom; row++ {
		across(first[3*width*(row-top):][:3*width], p.Pixels[3*p.Width*row:][:3*p.Width], columns)
	}
	for i, from := range rows.first {
		down(dst[3*width*i:][:3*width], first[3*width*(int(from)-top):], 3*width, rows.precise(i))
	}
}

// bicubicDown is bicubic, but resizes down the columns first.
func (r *Resizer) bicubicDown(dst []uint8, p Picture) {
	rows, columns := &r.rows, &r.columns
	first := r.between(3 * p.Width)
	width := len(columns.first)
	for i, from := range rows.first {
		down(first, p.Pixels[3*p.Width*int(from):], 3*p.Width, rows.precise(i))
		across(dst[3*width*i:][:3*width], first, columns)
	}
}

// between returns memory for the result of the first pass.
func (r *Resizer) between(bytes int) []uint8 {
	if len(r.first) < bytes {
		r.first = make([]uint8, bytes)
	}
	return r.first[:bytes]
}

// precise returns the weights of pixel i, in units of 2^-preciseBits, rounded as Pillow
// rounds them.
func (a *axis) precise(i int) []int {
	weights := make([]int, a.count[i])
	for k := range weights {
		weights[k] = int(math.Round(a.exact[i*a.taps+k] * (1 << preciseBits)))
	}
	return weights
}

func across(dst, src []uint8, columns *axis) {
	for i, first := range columns.first {
		sums := [3]int{1 << (preciseBits - 1), 1 << (preciseBits - 1), 1 << (preciseBits - 1)}
		from := src[3*first:]
		for k := range int(columns.count[i]) {
			w := int(math.Round(columns.exact[i*columns.taps+k] * (1 << preciseBits)))
			sums[0] += w * int(from[3*k])
			sums[1] += w * int(from[3*k+1])
			sums[2] += w * int(from[3*k+2])
		}
		for c, sum := range sums {
			dst[3*i+c] = clip(sum >> preciseBits)
		}
	}
}

func down(dst, src []uint8, stride int, weights []int) {
	for i := range dst {
		sum := 1 << (preciseBits - 1)
		for k, w := range weights {
			sum += w * int(src[k*stride+i])
		}
		dst[i] = clip(sum >> preciseBits)
	}
}

func clip(v int) uint8 { return uint8(min(max(v, 0), 255)) }
