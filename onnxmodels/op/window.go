package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// Window describes how a convolution or a pool moves over an image of two dimensions, which all
// targets have kernels for. For other numbers of dimensions see [Sliding].
type Window struct {
	Kernel  [2]int // height, width
	Strides [2]int
	Pads    [4]int // top, left, bottom, right
	// Dilations are the distances between neighbouring elements of the kernel, in pixels;
	// 0 means 1.
	Dilations [2]int
}

// Same returns a window of k x k that moves by s pixels and is padded as Keras and
// TensorFlow pad "same": the output is ceil(height/s) x ceil(width/s), and an odd pad
// has its larger half at the bottom and right.
func Same(k, s, height, width int) Window {
	w := Window{Kernel: [2]int{k, k}, Strides: [2]int{s, s}}
	if s < 1 {
		return w // a window without strides fits no image: see Output
	}
	for i, size := range []int{height, width} {
		total := max(((size+s-1)/s-1)*s+k-size, 0)
		w.Pads[i], w.Pads[i+2] = total/2, total-total/2
	}
	return w
}

// Valid returns a window of k x k that moves by s pixels, without pads.
func Valid(k, s int) Window {
	return Window{Kernel: [2]int{k, k}, Strides: [2]int{s, s}}
}

// Padded tells whether any side is padded.
func (w Window) Padded() bool { return w.Pads != [4]int{} }

// Output returns the size of the output along dimension i (0 rows, 1
// columns) for an input of size n. It is 0 if the window does not fit.
func (w Window) Output(i, n int) int {
	reach := (w.Kernel[i]-1)*max(w.Dilations[i], 1) + 1
	free := n + w.Pads[i] + w.Pads[i+2] - reach
	if free < 0 || w.Strides[i] < 1 {
		return 0
	}
	return free/w.Strides[i] + 1
}

// Sliding returns the same window in the form for any number of dimensions.
func (w Window) Sliding() Sliding {
	return Sliding{
		Kernel: w.Kernel[:], Strides: w.Strides[:], Dilations: []int{max(w.Dilations[0], 1), max(w.Dilations[1], 1)},
		Before: w.Pads[:2], After: w.Pads[2:],
	}
}

// Attributes returns the attributes of a node with this window.
func (w Window) Attributes() []graph.Attribute { return w.Sliding().Attributes() }

// WindowOf reads the window of a node over images of two dimensions from its attributes. It does
// not check them, and for other nodes the result is meaningless. Infer has checked a node of a graph.
func WindowOf(n *graph.Node) Window {
	w := Window{Strides: [2]int{1, 1}}
	for name, to := range map[string][]int{
		"kernel_shape": w.Kernel[:], "pads": w.Pads[:], "strides": w.Strides[:], "dilations": w.Dilations[:],
	} {
		for j, v := range n.Ints(name) {
			if j < len(to) {
				to[j] = int(v)
			}
		}
	}
	if w.Dilations == [2]int{1, 1} {
		w.Dilations = [2]int{}
	}
	return w
}

// Slide returns the type of a window's output for images x [n, c, h, w], which has the given
// number of channels.
func (w Window) Slide(x *graph.Value, channels graph.Dim) ([]graph.Type, error) {
	height, width := w.Output(0, x.Size(2)), w.Output(1, x.Size(3))
	if height < 1 || width < 1 {
		return nil, fmt.Errorf("a kernel of %dx%d does not fit input %s", w.Kernel[0], w.Kernel[1], x)
	}
	return typed(x.Elem, graph.Shape{x.Shape[0], channels, graph.Fixed(height), graph.Fixed(width)})
}
