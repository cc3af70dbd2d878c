package op

import (
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// Sliding is a window over images of any number of dimensions: each list has a number for
// every dimension behind the channels. Over pictures it is a [Window].
type Sliding struct {
	Kernel, Strides, Dilations []int
	// Before and After are the pads before the first element of each dimension and
	// behind the last.
	Before, After []int
}

// maxWindow is the largest number of a window's that makes sense.
const maxWindow = 1<<16 - 1

// SlidingOf reads the window over images of so many dimensions from a node's attributes. Strides
// and dilations that are not given are 1, pads 0; the kernel is nil.
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

// sizesOf reads a list of so many integers in least..65535, all of them the other if it is
// not given. An operator that does not have the attribute has none given.
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

// dilated tells whether elements of the kernel are apart.
func (s Sliding) dilated() bool {
	return slices.ContainsFunc(s.Dilations, func(d int) bool { return d != 1 })
}

// Elements is how many elements the kernel has.
func (s Sliding) Elements() int { return product(s.Kernel) }

// reach is how many elements of dimension i the kernel spans.
func (s Sliding) reach(i int) int { return (s.Kernel[i]-1)*s.Dilations[i] + 1 }

// Output returns the sizes of the output over images of the sizes, and an error if the
// window does not fit them.
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

// slide returns the type of the output over images x, which has so many channels.
func (s Sliding) slide(x *graph.Value, channels graph.Dim) ([]graph.Type, error) {
	sizes, err := s.Output(x.Shape[2:].Sizes())
	if err != nil {
		return nil, fmt.Errorf("input %s: %w", x, err)
	}
	return typed(x.Elem, append(graph.Shape{x.Shape[0], channels}, graph.Static(sizes...)...))
}

// Attributes are those of a node with this window. Dilations of 1 are left out, as some
// operators have none.
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

// wide is the list as attributes and constants have it.
func wide(list []int) []int64 {
	long := make([]int64, len(list))
	for i, v := range list {
		long[i] = int64(v)
	}
	return long
}

// windowFields are the attributes that convolutions and pools share, and more.
func windowFields(more ...any) []graph.Field {
	none := []int64(nil)
	return Fields(append([]any{"kernel_shape", none, "pads", none, "strides", none, "dilations", none}, more...)...)
}

// openFields are those that they have in models, where pads may be left to the runtime.
func openFields(more ...any) []graph.Field {
	return append(Fields("auto_pad", "NOTSET"), windowFields(more...)...)
}

// images checks that x is images [n, c, …] of one to three dimensions, of which only n may
// be symbolic.
func images(x *graph.Value) error {
	if !x.Elem.Floating() {
		return fmt.Errorf("input %s, want floating point numbers", x)
	}
	return planes(x)
}

// planes checks that x is images of numbers of any type.
func planes(x *graph.Value) error {
	if len(x.Shape) < 3 || len(x.Shape) > 5 {
		return fmt.Errorf("input %s, want images [n, c, …] of one, two or three dimensions", x)
	}
	return wantFixed(x, 1)
}

// kernelOf reads the window of a node over images x, whose kernel must be given.
func kernelOf(n *graph.Node, x *graph.Value) (Sliding, error) {
	s, err := SlidingOf(n, len(x.Shape)-2)
	if err == nil && s.Kernel == nil {
		err = fmt.Errorf("attribute \"kernel_shape\" is missing")
	}
	return s, err
}

// closed returns the window that a node of a model has over images x, with nothing left open.
// kernel is that of a node that does not give one.
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
		return s, fmt.Errorf("attribute \"auto_pad\" is %s, which is not known", pad)
	}
	return s, nil
}

// padSame pads so that the output is ceil(size/stride). Of an odd pad the larger half is
// behind, or before if lower.
func (s Sliding) padSame(sizes []int, lower bool) {
	for i, size := range sizes {
		total := max(((size+s.Strides[i]-1)/s.Strides[i]-1)*s.Strides[i]+s.reach(i)-size, 0)
		s.Before[i], s.After[i] = total/2, total-total/2
		if lower {
			s.Before[i], s.After[i] = s.After[i], s.Before[i]
		}
	}
}

// asPicture returns the window over lines as one over pictures of one row.
func (s Sliding) asPicture() Sliding {
	first := func(v int, list []int) []int { return append([]int{v}, list...) }
	return Sliding{
		Kernel: first(1, s.Kernel), Strides: first(1, s.Strides), Dilations: first(1, s.Dilations),
		Before: first(0, s.Before), After: first(0, s.After),
	}
}

// Models may have images of one dimension. Here they are pictures of one row: those have the
// faster kernels, and gradients everywhere.

// asPictures appends lines [n, c, w] as [n, c, 1, w]; other images it leaves as they are.
func (b Builder) asPictures(name string, x *graph.Value) *graph.Value {
	if len(x.Shape) != 3 {
		return x
	}
	return b.Shaped(name+".rows", x, graph.Shape{x.Shape[0], x.Shape[1], graph.Fixed(1), x.Shape[2]})
}

// asLines appends pictures of one row as lines, if like is lines.
func (b Builder) asLines(name string, y, like *graph.Value) *graph.Value {
	if len(like.Shape) != 3 || b.Err() != nil {
		return y
	}
	return b.Shaped(name+".lines", y, graph.Shape{y.Shape[0], y.Shape[1], y.Shape[3]})
}
