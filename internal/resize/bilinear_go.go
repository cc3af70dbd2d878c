package resize

// plain is what bilinear is tested against, and what builds without cgo run. The first
// pass goes down the columns and keeps 6 bits of fraction, the second goes along the
// row.
func plain(dst []uint8, p Picture, rows, columns *axis, line []int16) {
	const (
		firstBits  = weightBits - 6
		secondBits = weightBits + 6
	)
	left, right := columns.reach()
	width := len(columns.first)
	for i, first := range rows.first {
		weights := rows.whole[i*rows.taps:][:rows.count[i]]
		for x := 3 * left; x < 3*right; x++ {
			sum := int32(1) << (firstBits - 1)
			for k, w := range weights {
				sum += int32(w) * int32(p.Pixels[3*p.Width*(int(first)+k)+x])
			}
			line[x] = int16(sum >> firstBits)
		}
		out := dst[3*width*i:][:3*width]
		for j, first := range columns.first {
			weights := columns.whole[j*columns.taps:][:columns.count[j]]
			var sums [3]int32
			from := line[3*first:]
			for k, w := range weights {
				sums[0] += int32(w) * int32(from[3*k])
				sums[1] += int32(w) * int32(from[3*k+1])
				sums[2] += int32(w) * int32(from[3*k+2])
			}
			for c, sum := range sums {
				out[3*j+c] = clip(int((sum + 1<<(secondBits-1)) >> secondBits))
			}
		}
	}
}

// reach returns the range first..end-1 of the pixels of the source that have weights.
func (a *axis) reach() (first, end int) {
	first = int(a.first[0])
	for i, f := range a.first {
		first, end = min(first, int(f)), max(end, int(f+a.count[i]))
	}
	return first, end
}
