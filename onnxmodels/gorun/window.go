package gorun

import "fmt"

// window is how a convolution or a pool moves over an image: rows, columns.
type window struct {
	kernel, strides, dilations [2]int
	pads                       [4]int // top, left, bottom, right
}

// takeWindow reads the attributes that convolutions and pools share. A kernel
// of zeros is one that was not given.
func takeWindow(a *attributes) window {
	var w window
	only(a, "auto_pad", "NOTSET")
	if _, ok := a.left["kernel_shape"]; ok {
		copy(w.kernel[:], a.sizes("kernel_shape", 2, 1, 1))
	}
	copy(w.strides[:], a.sizes("strides", 2, 1, 1))
	copy(w.dilations[:], a.sizes("dilations", 2, 1, 1))
	copy(w.pads[:], a.sizes("pads", 4, 0, 0))
	return w
}

// output returns the height and width of the output over an image.
func (w window) output(height, width int) (h, v int, err error) {
	var out [2]int
	for i, n := range []int{height, width} {
		free := n + w.pads[i] + w.pads[i+2] - (w.kernel[i]-1)*w.dilations[i] - 1
		if free < 0 {
			return 0, 0, fmt.Errorf("a kernel of %v with dilations %v and pads %v does not fit %dx%d pixels",
				w.kernel, w.dilations, w.pads, height, width)
		}
		out[i] = free/w.strides[i] + 1
	}
	return out[0], out[1], nil
}

// within returns the kernel's places k in [from, to) whose element
// start + k·dilation is inside 0..n-1.
func within(start, kernel, dilation, n int) (from, to int) {
	if start < 0 {
		from = min((-start+dilation-1)/dilation, kernel)
	}
	if start < n {
		to = min((n-1-start)/dilation+1, kernel)
	}
	return from, max(from, to)
}
