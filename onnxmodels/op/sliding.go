package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Sliding is a window that slides over images of any number of dimensions. Each list has one
// number for every dimension after the channels. For images of two dimensions see also [Window].
type Sliding struct {
	Kernel, Strides, Dilations []int
	// Before and After are the pads before the first and behind the last element of each
	// dimension.
	Before, After []int
}

// maxWindow is the largest size, stride, dilation or pad that a window may have.
const maxWindow = 1<<16 - 1

// SlidingOf reads the window from a node's attributes, for images with dims dimensions after the
// channels. By default strides and dilations are 1, pads are 0, and the kernel is nil.
func SlidingOf(n *graph.Node, dims int) (s Sliding, err error) {
	pads, err := sizesOf(n, "pads", 2*dims, 0, 0)
	if err != nil {
		return s, err
	}
	s.Before, s.After = pads[:dims], pads[dims:]
	if s.Strides, err = sizesOf(n, "strides", dims, 1, 1); err != nil {
		return s, err
	}
	if s.Dilations, err = sizesOf(n, "dilations", dims, 1, 1); err != nil {
		return s, err
	}
	if n.Ints("kernel_shape") != nil {
		s.Kernel, err = sizesOf(n, "kernel_shape", dims, 1, 1)
	}
	return s, err
}

// sizesOf reads an attribute that is a list of count integers in least..65535. If it is not given,
// or if the operator has no such attribute, all of them are `other`.
func sizesOf(n *graph.Node, name string, count int, least, other int64) ([]int, error) {
	list := n.Ints(name)
	sizes := make([]int, count)
	if list == nil {
		for i := range sizes {
			sizes[i] = int(other)
		}
		return sizes, nil
	}
	if len(list) != count {
		return nil, fmt.Errorf("attribute %q has %d numbers, want %d", name, len(list), count)
	}
	for i, v := range list {
		if v < least || v > maxWindow {
			return nil, fmt.Errorf("attribute %q: %d is outside %d..%d", name, v, least, maxWindow)
		}
		sizes[i] = int(v)
	}
	return sizes, nil
}

// Padded tells whether any side is padded.
func (s Sliding) Padded() bool {
	for i := range s.Before {
		if s.Before[i] != 0 || s.After[i] != 0 {
			return true
		}
	}
	return false
}

// dilated tells whether any dilation is not 1.
func (s Sliding) dilated() bool {
	return slices.ContainsFunc(s.Dilations, func(d int) bool { return d != 1 })
}

// Elements returns the number of elements of the kernel.
func (s Sliding) Elements() int { return product(s.Kernel) }

// reach returns how many elements of dimension i the kernel spans, gaps included.
func (s Sliding) reach(i int) int { return (s.Kernel[i]-1)*s.Dilations[i] + 1 }

// Output returns the sizes of the output for images of the given sizes, or an error if the window
// does not fit them.
func (s Sliding) Output(sizes []int) ([]int, error) {
	out := make([]int, len(sizes))
	for i, n := range sizes {
		free := n + s.Before[i] + s.After[i] - s.reach(i)
		if free < 0 {
			return nil, fmt.Errorf("a kernel of %v with dilations %v and pads %v and %v does not fit images of %v",
				s.Kernel, s.Dilations, s.Before, s.After, sizes)
		}
		out[i] = free/s.Strides[i] + 1
	}
	return out, nil
}

// slide returns the type of the output for images x, which has the given number of channels.
func (s Sliding) slide(x *graph.Value, channels graph.Dim) ([]graph.Type, error) {
	sizes, err := s.Output(x.Shape[2:].Sizes())
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", x, err)
	}
	return typed(x.Elem, append(graph.Shape{x.Shape[0], channels}, graph.Static(sizes...)...))
}

// Attributes returns the attributes of a node with this window. Dilations of 1 are left out,
// because some operators do not have that attribute.
func (s Sliding) Attributes() []graph.Attribute {
	list := []graph.Attribute{
		{Name: "kernel_shape", Value: wide(s.Kernel)},
		{Name: "pads", Value: append(wide(s.Before), wide(s.After)...)},
		{Name: "strides", Value: wide(s.Strides)},
	}
	if s.dilated() {
		list = append(list, graph.Attribute{Name: "dilations", Value: wide(s.Dilations)})
	}
	return list
}

// wide returns the list as int64, the type of attributes and constants.
func wide(list []int) []int64 {
	long := make([]int64, len(list))
	for i, v := range list {
		long[i] = int64(v)
	}
	return long
}

// windowFields declares the attributes that convolutions and pools share, and more.
func windowFields(more ...any) []graph.Field {
	none := []int64(nil)
	return Fields(append([]any{"kernel_shape", none, "pads", none, "strides", none, "dilations", none}, more...)...)
}

// openFields declares the attributes of windows in models, which may also have auto_pad.
func openFields(more ...any) []graph.Field {
	return append(Fields("auto_pad", "NOTSET"), windowFields(more...)...)
}

// checkImages checks that x holds images [n, c, …] of floating-point numbers, with one to three
// dimensions each. Only n may be symbolic.
func checkImages(x *graph.Value) error {
	if !x.Elem.Floating() {
		return fmt.Errorf("input %s, want floating-point numbers", x)
	}
	return checkPlanes(x)
}

// checkPlanes checks the same for images of any element type.
func checkPlanes(x *graph.Value) error {
	if len(x.Shape) < 3 || len(x.Shape) > 5 {
		return fmt.Errorf("input %s, want images [n, c, …] of one, two or three dimensions", x)
	}
	return wantFixed(x, 1)
}

// kernelOf reads the window of a node over images x. The attribute kernel_shape must be given.
func kernelOf(n *graph.Node, x *graph.Value) (Sliding, error) {
	s, err := SlidingOf(n, len(x.Shape)-2)
	if err == nil && s.Kernel == nil {
		err = fmt.Errorf("attribute \"kernel_shape\" is missing")
	}
	return s, err
}

// closed returns the window of a model's node over images x, with pads computed from auto_pad.
// kernel is used if the node does not give one.
func closed(n *graph.Node, x *graph.Value, kernel []int) (Sliding, error) {
	s, err := SlidingOf(n, len(x.Shape)-2)
	if err != nil {
		return s, err
	}
	if s.Kernel == nil {
		s.Kernel = kernel
	}
	if len(s.Kernel) != len(s.Strides) {
		return s, fmt.Errorf("attribute \"kernel_shape\" is missing")
	}
	switch pad := n.Text("auto_pad"); pad {
	case "NOTSET", "":
	case "VALID":
		s.Before, s.After = make([]int, len(s.Kernel)), make([]int, len(s.Kernel))
	case "SAME_UPPER", "SAME_LOWER":
		s.padSame(x.Shape[2:].Sizes(), pad == "SAME_LOWER")
	default:
		return s, fmt.Errorf("attribute \"auto_pad\" is %q, want NOTSET, SAME_UPPER, SAME_LOWER or VALID", pad)
	}
	return s, nil
}

// padSame sets the pads so that the output has ceil(size/stride) elements. The larger half of an
// odd pad goes behind the image, or before it if lower.
func (s Sliding) padSame(sizes []int, lower bool) {
	for i, size := range sizes {
		total := max(((size+s.Strides[i]-1)/s.Strides[i]-1)*s.Strides[i]+s.reach(i)-size, 0)
		s.Before[i], s.After[i] = total/2, total-total/2
		if lower {
			s.Before[i], s.After[i] = s.After[i], s.Before[i]
		}
	}
}

// asPicture returns a window over lines as a window over pictures of one row.
func (s Sliding) asPicture() Sliding {
	first := func(v int, list []int) []int { return append([]int{v}, list...) }
	return Sliding{
		Kernel: first(1, s.Kernel), Strides: first(1, s.Strides), Dilations: first(1, s.Dilations),
		Before: first(0, s.Before), After: first(0, s.After),
	}
}

// Models may have images of one dimension ("lines", [n, c, w]). The importer turns them into
// pictures of one row, which have faster kernels, and gradients on every target.

// asPictures appends lines [n, c, w] as [n, c, 1, w]. It returns other images unchanged.
func (b Builder) asPictures(name string, x *graph.Value) *graph.Value {
	if len(x.Shape) != 3 {
		return x
	}
	return b.Shaped(name+".rows", x, graph.Shape{x.Shape[0], x.Shape[1], graph.Fixed(1), x.Shape[2]})
}

// asLines turns pictures y of one row back into lines, if `like` holds lines.
func (b Builder) asLines(name string, y, like *graph.Value) *graph.Value {
	if len(like.Shape) != 3 || b.Err() != nil {
		return y
	}
	return b.Shaped(name+".lines", y, graph.Shape{y.Shape[0], y.Shape[1], y.Shape[3]})
}
