package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// Window is how a convolution or pool moves over an image.
type Window struct {
	Kernel  [2]int // height, width
	Strides [2]int
	Pads    [4]int // top, left, bottom, right
	// Dilations are by how many pixels the elements of the kernel are apart;
	// 0 means 1.
	Dilations [2]int
}

// Same returns a window of k x k that moves by s and is padded as Keras and
// TensorFlow pad "same": the output is ceil(h/s) x ceil(w/s), and an odd pad
// has its larger half at the bottom and right.
func Same(k, s, height, width int) Window {
	w := Window{Kernel: [2]int{k, k}, Strides: [2]int{s, s}}
	if s < 1 {
		return w // which fits nothing
	}
	for i, size := range []int{height, width} {
		total := max(((size+s-1)/s-1)*s+k-size, 0)
		w.Pads[i], w.Pads[i+2] = total/2, total-total/2
	}
	return w
}

// Valid returns a window of k x k that moves by s over the image alone.
func Valid(k, s int) Window {
	return Window{Kernel: [2]int{k, k}, Strides: [2]int{s, s}}
}

// Padded tells whether any side is padded.
func (w Window) Padded() bool { return w.Pads != [4]int{} }

// Output returns the size of the output along dimension i (0 rows, 1
// columns) for an input of n; it is below 1 if the window does not fit.
func (w Window) Output(i, n int) int {
	reach := (w.Kernel[i]-1)*max(w.Dilations[i], 1) + 1
	free := n + w.Pads[i] + w.Pads[i+2] - reach
	if free < 0 || w.Strides[i] < 1 {
		return 0
	}
	return free/w.Strides[i] + 1
}

// Sliding is the window as one over images of any number of dimensions.
func (w Window) Sliding() Sliding {
	return Sliding{
		Kernel: w.Kernel[:], Strides: w.Strides[:], Dilations: []int{max(w.Dilations[0], 1), max(w.Dilations[1], 1)},
		Before: w.Pads[:2], After: w.Pads[2:],
	}
}

// Attributes are those of a node with this window.
func (w Window) Attributes() []graph.Attribute { return w.Sliding().Attributes() }

// WindowOf reads the window over pictures back from a node's attributes: of one over images of
// other dimensions, which has other lists, it is not the window.
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

// Slide returns the type of a window's output over x [n, c, h, w], which has so many
// channels.
func (w Window) Slide(x *graph.Value, channels graph.Dim) ([]graph.Type, error) {
	h, v := w.Output(0, x.Size(2)), w.Output(1, x.Size(3))
	if h < 1 || v < 1 {
		return nil, fmt.Errorf("a kernel of %dx%d does not fit input %s", w.Kernel[0], w.Kernel[1], x)
	}
	return typed(x.Elem, graph.Shape{x.Shape[0], channels, graph.Fixed(h), graph.Fixed(v)})
}
