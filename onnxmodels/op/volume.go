package op

// volume is a window over images for evaluation in pure Go. It always has three dimensions; images
// of fewer dimensions get leading dimensions of size 1.
type volume struct {
	kernel, strides, dilations, before [3]int
	size, out                          [3]int // of an image and of the output
}

// newVolume returns the window over images of the sizes, whose output has the sizes out. Both
// are the sizes after the channels.
func newVolume(s Sliding, sizes, out []int) volume {
	v := volume{}
	for _, one := range []*[3]int{&v.kernel, &v.strides, &v.dilations, &v.size, &v.out} {
		*one = [3]int{1, 1, 1}
	}
	for i := range out {
		at := 3 - len(sizes) + i
		v.kernel[at], v.strides[at], v.dilations[at], v.before[at] = s.Kernel[i], s.Strides[i], s.Dilations[i], s.Before[i]
		v.size[at], v.out[at] = sizes[i], out[i]
	}
	return v
}

// area returns the number of elements in a channel of an image.
func (v *volume) area() int { return v.size[0] * v.size[1] * v.size[2] }

// places returns the number of elements in a channel of the output.
func (v *volume) places() int { return v.out[0] * v.out[1] * v.out[2] }

// elements returns the number of elements in a channel of the kernel.
func (v *volume) elements() int { return v.kernel[0] * v.kernel[1] * v.kernel[2] }

// start returns the index in dimension i of an image that element k of the kernel covers for
// element o of the output. The index is outside of the image if it is a pad.
func (v *volume) start(i, o, k int) int { return o*v.strides[i] - v.before[i] + k*v.dilations[i] }

// within returns the range [from, to) of those k in 0..count-1 for which start + k·step is inside
// 0..n-1.
func within(start, count, step, n int) (from, to int) {
	if start < 0 {
		from = min((-start+step-1)/step, count)
	}
	if start < n {
		to = min((n-1-start)/step+1, count)
	}
	return from, max(from, to)
}

// interval is the part of a dimension of an image that is under a window: the indices from,
// from + step, … up to but not including `to`.
type interval struct{ from, to, step int }

// count returns the number of indices.
func (p interval) count() int {
	if p.to <= p.from {
		return 0
	}
	return (p.to - p.from + p.step - 1) / p.step
}

// intervals returns, for each element of the output in dimension i, the interval of the image that
// is under the window.
func (v *volume) intervals(i int) []interval {
	list := make([]interval, v.out[i])
	for o := range list {
		start := v.start(i, o, 0)
		from, to := within(start, v.kernel[i], v.dilations[i], v.size[i])
		list[o] = interval{start + from*v.dilations[i], start + (to-1)*v.dilations[i] + 1, v.dilations[i]}
		if from == to {
			list[o] = interval{}
		}
	}
	return list
}
