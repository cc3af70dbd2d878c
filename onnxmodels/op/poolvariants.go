package op

import (
	"fmt"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// In models, attributes of pools may be left out, pads may have to be computed from auto_pad,
// and ceil_mode may let the last window reach beyond the image. All of it is turned into pads.
var _ = RegisterVariants(
	&Variant{
		Schema: graph.Schema{
			Op: "AveragePool", Takes: Takes("X"), Gives: Gives("Y"),
			Fields: openFields("ceil_mode", int64(0), "count_include_pad", int64(0)),
		},
		Build: buildAveragePool,
	},
	&Variant{
		Schema: graph.Schema{
			Op: "MaxPool", Takes: Takes("X"), Gives: Gives("Y", "Indices? .indices"),
			Fields: openFields("ceil_mode", int64(0), "storage_order", int64(0)),
		},
		Build: buildMaxPool,
	},
	&Variant{
		// GlobalMaxPool becomes MaxPool with a window as large as the image.
		Schema: graph.Schema{Op: "GlobalMaxPool", Takes: Takes("X"), Gives: Gives("Y")},
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			x := n.In("X")
			if err := checkImages(x); err != nil {
				return nil, err
			}
			sizes := x.Shape[2:].Sizes()
			w := Sliding{Kernel: sizes, Strides: ones(len(sizes)), Dilations: ones(len(sizes)), Before: make([]int, len(sizes)), After: make([]int, len(sizes))}
			if len(x.Shape) == 3 {
				w = w.asPicture()
			}
			y := b.one("MaxPool", n.Name, []*graph.Value{b.asPictures(n.Name, x)}, w.Attributes()...)
			return []*graph.Value{b.asLines(n.Name, y, x)}, nil
		},
	},
)

func ones(n int) []int { return slices.Repeat([]int{1}, n) }

// poolWindow is the window of a model's pool over images.
type poolWindow struct {
	Sliding
	over []int // the sizes of the images
	// end says for each dimension up to where elements count if pads count: the model's own
	// pads do, but not the pads that ceil_mode adds.
	end []int
}

// poolWindowOf reads the window of a model's pool over x, with ceil_mode turned into pads. A
// window may begin in the pads before the image or in the image, but not behind it (ONNX
// MaxPool-22).
func poolWindowOf(n *graph.Node, x *graph.Value) (*poolWindow, error) {
	if err := checkPlanes(x); err != nil {
		return nil, err
	}
	s, err := closed(n, x, nil)
	if err != nil {
		return nil, err
	}
	w := &poolWindow{Sliding: s, over: x.Shape[2:].Sizes()}
	for i, size := range w.over {
		w.end = append(w.end, size+w.After[i])
		if n.Flag("ceil_mode") && n.Text("auto_pad") == "NOTSET" {
			w.reachBeyond(i)
		}
	}
	if len(x.Shape) == 3 {
		w.Sliding, w.over, w.end = w.asPicture(), append([]int{1}, w.over...), append([]int{1}, w.end...)
	}
	return w, nil
}

// reachBeyond adds the pads behind the image that ceil_mode asks for in dimension i. A kernel that
// covers more than an image without pads, as in EfficientNet of transformers, becomes as large as it.
func (w *poolWindow) reachBeyond(i int) {
	size, stride := w.over[i], w.Strides[i]
	free := size + w.Before[i] + w.After[i] - w.reach(i)
	switch last := (free + stride - 1) / stride * stride; { // the start of the last window, counted from the pads on
	case free <= -stride || last >= size+w.Before[i]:
	case free < 0 && w.Before[i]+w.After[i] == 0 && w.Dilations[i] == 1:
		w.Kernel[i], w.Strides[i] = size, size
	default:
		w.After[i] += max(0, last-free)
	}
}

// overreach reports whether a pad is as large as the kernel or larger, which ONNX Runtime's pools
// do not accept.
func (w *poolWindow) overreach() bool {
	for i, k := range w.Kernel {
		if w.Before[i] >= k || w.After[i] >= k {
			return true
		}
	}
	return false
}

func buildMaxPool(b Builder, n *graph.Node) ([]*graph.Value, error) {
	x := n.In("X")
	w, err := poolWindowOf(n, x)
	if err != nil {
		return nil, err
	}
	c := Call{Name: n.Name, Want: slices.Repeat([]bool{true}, len(n.Outputs))}
	images := b.asPictures(n.Name, x)
	if w.overreach() {
		if len(n.Outputs) > 1 {
			return nil, fmt.Errorf("pads %v and %v are not smaller than the kernel %v", w.Before, w.After, w.Kernel)
		}
		if images, err = b.padLowest(n.Name, images, w.Sliding); err != nil {
			return nil, err
		}
		w.Before, w.After = make([]int, len(w.Kernel)), make([]int, len(w.Kernel))
	}
	c.Inputs, c.Attributes = []*graph.Value{images}, w.Attributes()
	if n.Flag("storage_order") && len(n.Outputs) > 1 && len(x.Shape) > 3 {
		c.Attributes = append(c.Attributes, graph.Attribute{Name: "storage_order", Value: int64(1)})
	}
	out := slices.Clone(b.Do("", "MaxPool", c))
	for i, y := range out {
		out[i] = b.asLines(fmt.Sprint(n.Name, ".", i), y, x)
	}
	return out, nil
}

// padLowest appends images padded with −∞, so that the pads never are a maximum.
func (b Builder) padLowest(name string, x *graph.Value, w Sliding) (*graph.Value, error) {
	if !x.Elem.Floating() {
		return nil, fmt.Errorf("pads %v and %v are not smaller than the kernel %v", w.Before, w.After, w.Kernel)
	}
	pads := b.Ints(name+".pads", slices.Concat([]int64{0, 0}, wide(w.Before), []int64{0, 0}, wide(w.After))...)
	lowest := b.As(x.Elem, b.Scalar(name+".lowest", float32(math.Inf(-1))))
	return b.one("Pad", name+".padded", []*graph.Value{x, pads, lowest}), nil
}

func buildAveragePool(b Builder, n *graph.Node) ([]*graph.Value, error) {
	x := n.In("X")
	w, err := poolWindowOf(n, x)
	if err != nil {
		return nil, err
	}
	counted := n.Flag("count_include_pad")
	y, err := b.averageOf(n.Name, b.asPictures(n.Name, x), w, counted)
	if err != nil {
		return nil, err
	}
	return []*graph.Value{b.asLines(n.Name, y, x)}, nil
}

// averageOf appends the mean of each window. counted says whether pads count.
func (b Builder) averageOf(name string, x *graph.Value, w *poolWindow, counted bool) (*graph.Value, error) {
	if !counted && !w.dilated() {
		return b.one("AveragePool", name, []*graph.Value{x}, w.Attributes()...), nil
	}
	return b.recounted(name, b.paddedMean(name, x, w.Sliding), w, counted), nil
}

// dilatedAverage appends the sum over each window, divided by the size of the kernel. It uses a
// convolution of each channel by itself, because AveragePool has no dilations in opset 17.
func (b Builder) dilatedAverage(name string, x *graph.Value, w Sliding) *graph.Value {
	count := w.Elements()
	kernel := slices.Repeat([]float32{1 / float32(count)}, count)
	weight := b.As(x.Elem, b.Floats(name+".kernel", append([]int{1, 1}, w.Kernel...), kernel))
	return b.byChannel(name, x, func(planes *graph.Value) *graph.Value {
		return b.one("Conv", name, []*graph.Value{planes, weight}, w.Attributes()...)
	})
}

// byChannel applies f to each channel as an image of its own.
func (b Builder) byChannel(name string, x *graph.Value, f func(planes *graph.Value) *graph.Value) *graph.Value {
	all := graph.Dim{Size: x.Shape[0].Size * x.Shape[1].Size, Symbol: x.Shape[0].Symbol}
	y := f(b.Shaped(name+".planes", x, append(graph.Shape{all, graph.Fixed(1)}, x.Shape[2:]...)))
	if b.Err() != nil {
		return y
	}
	return b.Shaped(name+".channels", y, append(graph.Shape{x.Shape[0], x.Shape[1]}, y.Shape[2:]...))
}

// recounted appends the means over the elements that count, given y, which divides the sum over
// each window by the size of the whole kernel. counted says whether pads count.
func (b Builder) recounted(name string, y *graph.Value, w *poolWindow, counted bool) *graph.Value {
	if b.Err() != nil {
		return y
	}
	from, to := make([]int, len(w.over)), w.over
	if counted {
		for i := range from {
			from[i] = -w.Before[i]
		}
		to = w.end
	}
	correction := w.Correction(y.Shape[2:].Sizes(), from, to)
	if correction == nil {
		return y
	}
	factor := b.As(y.Elem, b.Floats(name+".correction", y.Shape[2:].Sizes(), correction))
	return b.Binary("Mul", name+".counted", y, factor)
}

// Correction returns a factor for each element of an output of the sizes out: the size of the
// kernel divided by the number of its elements that lie in [from, to) of the images. It returns
// nil if all factors are 1.
func (s Sliding) Correction(out, from, to []int) []float32 {
	factors, changed := []float32{1}, false
	for i, n := range out {
		longer := make([]float32, 0, len(factors)*n)
		for _, f := range factors {
			for o := range n {
				start := o*s.Strides[i] - s.Before[i] - from[i]
				first, last := within(start, s.Kernel[i], s.Dilations[i], to[i]-from[i])
				changed = changed || last-first != s.Kernel[i]
				longer = append(longer, f*float32(s.Kernel[i])/float32(last-first))
			}
		}
		factors = longer
	}
	if !changed {
		return nil
	}
	return factors
}
