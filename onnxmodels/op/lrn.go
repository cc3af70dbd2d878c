package op

import (
	"fmt"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// LRN is the local response normalization of pictures X [n, c, h, w] (Krizhevsky et
// al., 2012, section 3.3),
//
//	s = bias + alpha/size·Σ x²,  y = x·s^−beta,
//
// with the sum over the same position in `size` neighbouring channels. Here the size is odd.
var _ = Register(&Operator{
	Schema: graph.Schema{
		Op: "LRN", Takes: Takes("X"), Gives: Gives("Y"),
		Fields: Fields("size", Required{int64(0)}, "alpha", float32(1e-4), "beta", float32(0.75), "bias", float32(1)),
	},
	Infer: func(n *graph.Node) ([]graph.Type, error) {
		x, size := n.In("X"), n.Int("size")
		if len(x.Shape) != 4 || !x.Elem.Floating() {
			return nil, fmt.Errorf("input %s, want pictures [n, c, h, w]", x)
		}
		if size < 1 || size > maxWindow || size%2 == 0 {
			return nil, fmt.Errorf("attribute \"size\" is %d, want an odd number up to %d", size, maxWindow)
		}
		if err := wantFixed(x, 1); err != nil {
			return nil, err
		}
		return FirstType(n)
	},
	// dx = dy·s^−beta − 2·alpha·beta/size·x·Σ dy·y/s
	Gradient: func(b *Backward, n *graph.Node, dy []*graph.Value) []*graph.Value {
		x, y, name := n.In("X"), n.Out("Y"), n.Name
		half := int(n.Int("size") / 2)
		s := b.responses(name, x, half, half, n)
		power := b.Binary("Pow", name+".power", s, b.numberLike(name+".exponent", x, -n.Float("beta")))
		share := b.Binary("Div", name+".share", b.Binary("Mul", name+".weighted", dy[0], y), s)
		around := b.channelMean(name+".around", share, half, half)
		factor := b.numberLike(name+".factor", x, 2*n.Float("alpha")*n.Float("beta"))
		others := b.Binary("Mul", name+".others", b.Binary("Mul", name+".scaled", x, factor), around)
		return []*graph.Value{b.Binary("Sub", name, b.Binary("Mul", name+".own", dy[0], power), others)}
	},
	Eval: evalLRN,
})

// In models, images may have other dimensions, and the size may be even.
var _ = RegisterVariants(&Variant{
	Schema: graph.Schema{
		Op: "LRN", Takes: Takes("X"), Gives: Gives("Y"),
		Fields: Fields("size", Required{int64(0)}, "alpha", float32(1e-4), "beta", float32(0.75), "bias", float32(1)),
	},
	Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
		x, size := n.In("X"), int(n.Int("size"))
		if len(x.Shape) < 2 || !x.Elem.Floating() {
			return nil, fmt.Errorf("input %s, want images", x)
		}
		if size < 1 || size > maxWindow {
			return nil, fmt.Errorf("attribute \"size\": %d is outside 1..%d", size, maxWindow)
		}
		if err := wantFixed(x, 1); err != nil {
			return nil, err
		}
		picture := x
		if len(x.Shape) != 4 {
			picture = b.Shaped(n.Name+".picture", x, graph.Shape{x.Shape[0], x.Shape[1], graph.Fixed(1), graph.Fixed(product(x.Shape[2:].Sizes()))})
		}
		var y *graph.Value
		if size%2 == 1 {
			y = b.one("LRN", n.Name, []*graph.Value{picture}, n.Attributes...)
		} else {
			s := b.responses(n.Name, picture, (size-1)/2, size/2, n)
			power := b.Binary("Pow", n.Name+".power", s, b.numberLike(n.Name+".exponent", x, -n.Float("beta")))
			y = b.Binary("Mul", n.Name, picture, power)
		}
		if b.Err() != nil || picture == x {
			return []*graph.Value{y}, b.Err()
		}
		return []*graph.Value{b.Shaped(n.Name+".shaped", y, x.Shape)}, b.Err()
	},
})

// responses appends s = bias + alpha·(mean of x² over the neighbouring channels).
func (b Builder) responses(name string, x *graph.Value, before, after int, n *graph.Node) *graph.Value {
	mean := b.channelMean(name+".mean", b.Binary("Mul", name+".squares", x, x), before, after)
	weighted := b.Binary("Mul", name+".alpha_mean", mean, b.numberLike(name+".alpha", x, n.Float("alpha")))
	return b.Binary("Add", name+".responses", weighted, b.numberLike(name+".bias", x, n.Float("bias")))
}

// channelMean appends, for each channel, the sum over it and the given numbers of channels before
// and after it, divided by before + 1 + after. Channels beyond the ends count as zeros.
func (b Builder) channelMean(name string, x *graph.Value, before, after int) *graph.Value {
	if b.Err() != nil {
		return x
	}
	c, area := x.Size(1), product(x.Shape[2:].Sizes())
	w := Sliding{
		Kernel: []int{before + 1 + after, 1}, Strides: ones(2), Dilations: ones(2), Before: []int{before, 0}, After: []int{after, 0},
	}
	lines := b.Shaped(name+".channels", x, graph.Shape{x.Shape[0], graph.Fixed(1), graph.Fixed(c), graph.Fixed(area)})
	mean := b.paddedMean(name+".over", lines, w)
	if b.Err() != nil {
		return x
	}
	return b.Shaped(name, mean, x.Shape)
}

func evalLRN(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x, size := in[0], int(n.Int("size"))
	if !x.Elem.Floating() || len(x.Shape) != 4 || size < 1 {
		return nil, fmt.Errorf("input is %s, want pictures of floating-point numbers", x)
	}
	y, err := newTensor(x.Elem, slices.Clone(x.Shape)...)
	if err != nil {
		return nil, err
	}
	channels, area := x.Shape[1], x.Shape[2]*x.Shape[3]
	alpha, beta, bias := float64(n.Float("alpha")), float64(n.Float("beta")), float64(n.Float("bias"))
	err = parallel(x.Shape[0], func(image int) {
		sums := make([]float64, area)
		for c := range channels {
			clear(sums)
			for k := max(0, c-(size-1)/2); k <= min(channels-1, c+size/2); k++ {
				from := (image*channels + k) * area
				for i := range sums {
					v := x.At(from + i)
					sums[i] += v * v
				}
			}
			from := (image*channels + c) * area
			for i, sum := range sums {
				y.set(from+i, x.At(from+i)*math.Pow(bias+alpha/float64(size)*sum, -beta))
			}
		}
	})
	return []*Tensor{y}, err
}
