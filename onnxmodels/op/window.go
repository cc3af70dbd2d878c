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

// Attributes are those of a node with this window.
func (w Window) Attributes() []graph.Attribute {
	ints := func(v ...int) []int64 {
		s := make([]int64, len(v))
		for i := range v {
			s[i] = int64(v[i])
		}
		return s
	}
	list := []graph.Attribute{
		{Name: "kernel_shape", Value: ints(w.Kernel[:]...)},
		{Name: "pads", Value: ints(w.Pads[:]...)},
		{Name: "strides", Value: ints(w.Strides[:]...)},
	}
	if w.Dilations != [2]int{} {
		list = append(list, graph.Attribute{Name: "dilations", Value: ints(w.Dilations[:]...)})
	}
	return list
}

// windowFields are the attributes that convolutions and pools share, and more.
func windowFields(more ...any) []graph.Field {
	none := []int64(nil)
	return Fields(append([]any{
		"auto_pad", "NOTSET", "kernel_shape", none, "pads", none, "strides", none, "dilations", none,
	}, more...)...)
}

// WindowOf reads the window back from a node's attributes.
func WindowOf(n *graph.Node) Window {
	var w Window
	for name, to := range map[string][]int{
		"kernel_shape": w.Kernel[:], "pads": w.Pads[:], "strides": w.Strides[:], "dilations": w.Dilations[:],
	} {
		for j, v := range n.Ints(name) {
			if j < len(to) {
				to[j] = int(v)
			}
		}
	}
	return w
}

// fullWindow returns a node's attributes with nothing left open, for a window over x
// [n, c, h, w]: the kernel's size, strides, dilations, and pads in numbers.
func fullWindow(n *graph.Node, x *graph.Value, kernel [2]int) ([]graph.Attribute, error) {
	if err := images(x); err != nil {
		return nil, err
	}
	w := Window{Kernel: kernel, Strides: [2]int{1, 1}, Dilations: [2]int{1, 1}}
	for name, to := range map[string][]int{
		"kernel_shape": w.Kernel[:], "pads": w.Pads[:], "strides": w.Strides[:], "dilations": w.Dilations[:],
	} {
		list := n.Ints(name)
		if list != nil && len(list) != len(to) {
			return nil, fmt.Errorf("attribute %q has %d numbers, want %d", name, len(list), len(to))
		}
		for i, v := range list {
			least := int64(1)
			if name == "pads" {
				least = 0
			}
			if v < least || v > maxWindow {
				return nil, fmt.Errorf("attribute %q: %d is outside %d..%d", name, v, least, maxWindow)
			}
			to[i] = int(v)
		}
	}
	switch pad := n.Text("auto_pad"); pad {
	case "NOTSET", "":
	case "VALID":
		w.Pads = [4]int{}
	case "SAME_UPPER", "SAME_LOWER":
		w.padSame(x.Size(2), x.Size(3), pad == "SAME_LOWER")
	default:
		return nil, fmt.Errorf("attribute \"auto_pad\" is %s, which is not known", pad)
	}
	if w.Dilations == [2]int{1, 1} {
		w.Dilations = [2]int{}
	}
	list := w.Attributes()
	for _, a := range n.Attributes {
		switch a.Name {
		case "kernel_shape", "pads", "strides", "dilations", "auto_pad":
		default:
			list = append(list, a)
		}
	}
	return list, nil
}

// maxWindow is the largest number of a window's that makes sense.
const maxWindow = 1<<16 - 1

// padSame pads so that the output is ceil(size/stride). Of an odd pad the larger half is
// at the end, or at the beginning if lower.
func (w *Window) padSame(height, width int, lower bool) {
	for i, size := range []int{height, width} {
		reach := (w.Kernel[i]-1)*w.Dilations[i] + 1
		total := max(((size+w.Strides[i]-1)/w.Strides[i]-1)*w.Strides[i]+reach-size, 0)
		w.Pads[i], w.Pads[i+2] = total/2, total-total/2
		if lower {
			w.Pads[i], w.Pads[i+2] = w.Pads[i+2], w.Pads[i]
		}
	}
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

// images checks that x is images [n, c, h, w], of which only n may be symbolic.
func images(x *graph.Value) error {
	if err := wantRank(x, 4); err != nil {
		return err
	}
	return wantFixed(x, 1)
}

// sliding is a window as the pure Go form takes it from a node: with nothing left open.
type sliding struct {
	kernel, strides, dilations [2]int
	pads                       [4]int // top, left, bottom, right
}

// slidingOf reads the attributes that convolutions and pools share. A kernel of zeros
// is one that was not given.
func slidingOf(n *graph.Node) (s sliding, err error) {
	if pad := n.Text("auto_pad"); pad != "NOTSET" {
		return s, fmt.Errorf("attribute \"auto_pad\" is %v, of which only NOTSET is supported", pad)
	}
	for _, a := range []struct {
		name         string
		to           []int
		least, other int64
	}{
		{"kernel_shape", s.kernel[:], 1, 0},
		{"strides", s.strides[:], 1, 1},
		{"dilations", s.dilations[:], 1, 1},
		{"pads", s.pads[:], 0, 0},
	} {
		if err := sizesOf(n, a.name, a.to, a.least, a.other); err != nil {
			return s, err
		}
	}
	return s, nil
}

// sizesOf reads a list of integers in least..65535, all of them def if it is absent.
func sizesOf(n *graph.Node, name string, to []int, least, def int64) error {
	const most = 1<<16 - 1
	list := n.Ints(name)
	if list == nil {
		for i := range to {
			to[i] = int(def)
		}
		return nil
	}
	if len(list) != len(to) {
		return fmt.Errorf("attribute %q has %d numbers, want %d", name, len(list), len(to))
	}
	for i, v := range list {
		if v < least || v > most {
			return fmt.Errorf("attribute %q: %d is outside %d..%d", name, v, least, most)
		}
		to[i] = int(v)
	}
	return nil
}

// output returns the height and width of the output over an image.
func (s sliding) output(height, width int) (h, v int, err error) {
	var out [2]int
	for i, n := range []int{height, width} {
		free := n + s.pads[i] + s.pads[i+2] - (s.kernel[i]-1)*s.dilations[i] - 1
		if free < 0 {
			return 0, 0, fmt.Errorf("a kernel of %v with dilations %v and pads %v does not fit %dx%d pixels",
				s.kernel, s.dilations, s.pads, height, width)
		}
		out[i] = free/s.strides[i] + 1
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
