package op

// volume is a window over images in pure Go: always of three dimensions, of which images of
// fewer have a size of 1 in front.
type volume struct {
	kernel, strides, dilations, before [3]int
	size, out                          [3]int // of an image and of the output
}

// newVolume lays the window over images of the sizes behind the channels, for an output of
// those sizes.
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

// area is how many elements an image's channel has.
func (v *volume) area() int { return v.size[0] * v.size[1] * v.size[2] }

// places is how many elements a channel of the output has.
func (v *volume) places() int { return v.out[0] * v.out[1] * v.out[2] }

// elements is how many the kernel has.
func (v *volume) elements() int { return v.kernel[0] * v.kernel[1] * v.kernel[2] }

// start is where the kernel's element k is in dimension i of an image, for the output's
// element o: outside of it where the kernel meets a pad.
func (v *volume) start(i, o, k int) int { return o*v.strides[i] - v.before[i] + k*v.dilations[i] }

// within returns the places k in [from, to) of count whose element start + k·step is inside
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

// stretch is what of an image is under a window in one dimension: the elements from, from +
// step, … before to.
type stretch struct{ from, to, step int }

// count is how many elements that are.
func (p stretch) count() int {
	if p.to <= p.from {
		return 0
	}
	return (p.to - p.from + p.step - 1) / p.step
}

// parts returns for each element of the output in dimension i what is under the window.
func (v *volume) parts(i int) []stretch {
	list := make([]stretch, v.out[i])
	for o := range list {
		start := v.start(i, o, 0)
		from, to := within(start, v.kernel[i], v.dilations[i], v.size[i])
		list[o] = stretch{start + from*v.dilations[i], start + (to-1)*v.dilations[i] + 1, v.dilations[i]}
		if from == to {
			list[o] = stretch{}
		}
	}
	return list
}
