package gorun

import (
	"errors"
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// averagePool is AveragePool: the mean of each window, of which pads count only
// if count_include_pad is 1.
func averagePool(a *attributes) kernel {
	only(a, "ceil_mode", int64(0))
	countPads := a.flag("count_include_pad")
	w := takePool(a)
	return pool(w, func(plane []float32, width, y0, y1, x0, x1 int) float32 {
		sum := 0.0
		for y := y0; y < y1; y += w.dilations[0] {
			for x := x0; x < x1; x += w.dilations[1] {
				sum += float64(plane[y*width+x])
			}
		}
		count := span(y0, y1, w.dilations[0]) * span(x0, x1, w.dilations[1])
		if countPads {
			count = w.kernel[0] * w.kernel[1]
		}
		return float32(sum / float64(count))
	})
}

// maxPool is MaxPool, the largest element of each window. Its second output,
// the indices, is not computed: a node that uses it fails.
func maxPool(a *attributes) kernel {
	only(a, "ceil_mode", int64(0))
	only(a, "storage_order", int64(0))
	w := takePool(a)
	return pool(w, func(plane []float32, width, y0, y1, x0, x1 int) float32 {
		largest := float32(math.Inf(-1))
		for y := y0; y < y1; y += w.dilations[0] {
			for x := x0; x < x1; x += w.dilations[1] {
				largest = max(largest, plane[y*width+x])
			}
		}
		return largest
	})
}

// takePool reads a pool's window: its kernel must be given, and pads must be
// smaller than it, so that no window is of pads alone.
func takePool(a *attributes) window {
	w := takeWindow(a)
	if w.kernel == [2]int{} {
		a.fail("attribute %q is missing", "kernel_shape")
	}
	for i, p := range w.pads {
		if p >= w.kernel[i%2] && a.err == nil {
			a.fail("attribute \"pads\": %d is not smaller than the kernel %v", p, w.kernel)
		}
	}
	return w
}

// span is how many of from, from + step, … are below to.
func span(from, to, step int) int { return (to - from + step - 1) / step }

// pool makes each element of what is inside the image of the window there:
// rows y0 to y1 and columns x0 to x1, these excluded.
func pool(w window, value func(plane []float32, width, y0, y1, x0, x1 int) float32) kernel {
	return arity(1, 1, func(in []*Value) (*Value, error) {
		if err := in[0].want("input", graph.Float, 4); err != nil {
			return nil, err
		}
		n, channels, height, width := in[0].Shape[0], in[0].Shape[1], in[0].Shape[2], in[0].Shape[3]
		oh, ow, err := w.output(height, width)
		if err != nil {
			return nil, err
		}
		y, err := floats(n, channels, oh, ow)
		if err != nil {
			return nil, err
		}
		empty := false
		rows := bounds(w.strides[0], w.pads[0], w.kernel[0], w.dilations[0], height, oh, &empty)
		columns := bounds(w.strides[1], w.pads[1], w.kernel[1], w.dilations[1], width, ow, &empty)
		if empty {
			return nil, errors.New("a window is of pads alone")
		}
		return y, parallel(n, func(image int) {
			for c := image * channels; c < (image+1)*channels; c++ {
				plane, out := in[0].Float32[c*height*width:(c+1)*height*width], y.Float32[c*oh*ow:]
				for i, r := range rows {
					for j, k := range columns {
						out[i*ow+j] = value(plane, width, r[0], r[1], k[0], k[1])
					}
				}
			}
		})
	})
}

// bounds returns, for each place of a window along one dimension, the first
// element of the image in it and the one after the last. It sets empty if one
// has none.
func bounds(stride, pad, kernel, dilation, n, places int, empty *bool) [][2]int {
	list := make([][2]int, places)
	for i := range list {
		start := i*stride - pad
		from, to := within(start, kernel, dilation, n)
		*empty = *empty || from == to
		list[i] = [2]int{start + from*dilation, start + (to-1)*dilation + 1}
	}
	return list
}

// globalAveragePool is the mean of each channel: [n, c, 1, 1] of [n, c, h, w].
func globalAveragePool(in []*Value) (*Value, error) {
	if len(in) != 1 {
		return nil, fmt.Errorf("%d inputs, want 1", len(in))
	}
	if err := in[0].want("input", graph.Float, 4); err != nil {
		return nil, err
	}
	s := in[0].Shape
	area := s[2] * s[3]
	if area == 0 {
		return nil, fmt.Errorf("input %s has no pixels", in[0])
	}
	y, err := floats(s[0], s[1], 1, 1)
	if err != nil {
		return nil, err
	}
	for i := range y.Float32 {
		sum := 0.0
		for _, v := range in[0].Float32[i*area : (i+1)*area] {
			sum += float64(v)
		}
		y.Float32[i] = float32(sum / float64(area))
	}
	return y, nil
}
