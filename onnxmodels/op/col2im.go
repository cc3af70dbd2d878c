package op

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
)

// Col2Im adds blocks, which are the columns of input [n, c·elements of a block, blocks], to images,
// where they may overlap. It becomes a ConvTranspose of each channel by itself, whose kernel for
// each element of a block is 1 at its place.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{
		Op: "Col2Im", Takes: Takes("input", "image_shape", "block_shape"), Gives: Gives("output"),
		Fields: Fields("dilations", []int64(nil), "pads", []int64(nil), "strides", []int64(nil)),
	},
	From: 18,
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		x := n.In("input")
		image, err := imageSizes(n.In("image_shape"))
		if err != nil {
			return nil, fmt.Errorf("image_shape: %w", err)
		}
		w, err := SlidingOf(n, len(image))
		if err != nil {
			return nil, err
		}
		if w.Kernel, err = imageSizes(n.In("block_shape")); err != nil {
			return nil, fmt.Errorf("block_shape: %w", err)
		}
		if len(w.Kernel) != len(image) {
			return nil, fmt.Errorf("block_shape %v does not fit image_shape %v", w.Kernel, image)
		}
		places, err := w.Output(image)
		if err != nil {
			return nil, err
		}
		if err := columnsFit(x, w.Elements(), product(places)); err != nil {
			return nil, err
		}
		return []*graph.Value{b.addBlocks(n.Name, x, w, places, image)}, nil
	},
})

// imageSizes returns the sizes of pictures or volumes that v holds.
func imageSizes(v *graph.Value) ([]int, error) {
	list := v.Ints()
	if len(list) != 2 && len(list) != 3 {
		return nil, fmt.Errorf("its sizes are %v, but only constants of two or three are supported", list)
	}
	sizes := make([]int, len(list))
	for i, size := range list {
		if size < 1 || size > maxWindow {
			return nil, fmt.Errorf("%d is outside 1..%d", size, maxWindow)
		}
		sizes[i] = int(size)
	}
	return sizes, nil
}

// columnsFit checks that x has whole blocks of so many elements as rows, and columns for so many places.
func columnsFit(x *graph.Value, elements, places int) error {
	if !x.Elem.Floating() || len(x.Shape) != 3 {
		return fmt.Errorf("input %s, want floating-point numbers [n, elements, blocks]", x)
	}
	if err := wantFixed(x, 1); err != nil {
		return err
	}
	const most = 1 << 8 // a kernel has the square of that, and files may have many
	if elements > most {
		return fmt.Errorf("blocks have %d elements, but at most %d are supported", elements, most)
	}
	if x.Size(1)%elements != 0 || x.Size(2) != places {
		return fmt.Errorf("input %s does not hold blocks of %d elements at %d places", x, elements, places)
	}
	return nil
}

// addBlocks appends images of these sizes from columns of blocks, which lie where the window does.
func (b Builder) addBlocks(name string, x *graph.Value, w Sliding, places, image []int) *graph.Value {
	elements := w.Elements()
	channels := x.Shape[1].Size / int64(elements)
	planes := graph.Dim{Size: x.Shape[0].Size * channels, Symbol: x.Shape[0].Symbol}
	blocks := b.Shaped(name+".blocks", x, append(graph.Shape{planes, graph.Fixed(elements)}, graph.Static(places...)...))
	kernel := make([]float32, elements*elements)
	for i := range elements {
		kernel[i*elements+i] = 1
	}
	weight := b.As(x.Elem, b.Floats(name+".kernel", append([]int{elements, 1}, w.Kernel...), kernel))
	y := b.ConvTranspose(name+".added", blocks, weight, w, image...)
	if b.Err() != nil {
		return y
	}
	return b.Shaped(name, y, append(graph.Shape{x.Shape[0], graph.Dim{Size: channels}}, graph.Static(image...)...))
}
