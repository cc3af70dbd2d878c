package op

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// pooling is a pool that is being computed. For each dimension, spans has one interval for each
// element of the output: the elements of the input that are under the window.
type pooling struct {
	volume
	spans    [3][]interval
	images   int
	channels int
}

// poolingOf reads the pool of a node over x and allocates its output.
func poolingOf(n *graph.Node, x *Tensor) (pooling, *Tensor, error) {
	p := pooling{}
	if len(x.Shape) < 3 || len(x.Shape) > 5 {
		return p, nil, fmt.Errorf("input is %s, want images", x)
	}
	s, err := poolOf(n, len(x.Shape)-2)
	if err != nil {
		return p, nil, err
	}
	out, err := s.Output(x.Shape[2:])
	if err != nil {
		return p, nil, err
	}
	y, err := newTensor(x.Elem, slices.Concat(x.Shape[:2], out)...)
	if err != nil {
		return p, nil, err
	}
	p.volume, p.images, p.channels = newVolume(s, x.Shape[2:], out), x.Shape[0], x.Shape[1]
	for i := range p.spans {
		p.spans[i] = p.intervals(i)
		if slices.ContainsFunc(p.spans[i], func(q interval) bool { return q.count() == 0 }) {
			return p, nil, errors.New("a window covers only pads")
		}
	}
	return p, y, nil
}

// each calls f for each channel of each image, with the offsets of its first element in the input
// and in the output.
func (p *pooling) each(f func(from, to int)) error {
	area, places := p.area(), p.places()
	return parallel(p.images, func(image int) {
		for c := image * p.channels; c < (image+1)*p.channels; c++ {
			f(c*area, c*places)
		}
	})
}

func evalMaxPool(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x := in[0]
	p, y, err := poolingOf(n, x)
	if err != nil {
		return nil, err
	}
	var at []int64
	if len(n.Outputs) > 1 {
		at = make([]int64, y.Len())
	}
	byColumns := n.Flag("storage_order")
	err = p.each(func(from, to int) {
		switch {
		case x.Doubles != nil:
			largest(&p, x.Doubles, from, y.Doubles, to, at, byColumns)
		case x.Floats != nil:
			largest(&p, x.Floats, from, y.Floats, to, at, byColumns)
		default:
			largest(&p, x.Ints, from, y.Ints, to, at, byColumns)
		}
	})
	return []*Tensor{y, {Elem: graph.Int64, Shape: y.Shape, Ints: at}}, err
}

// largest finds the maxima of one channel, and their indices if at is not nil. NaN counts as larger
// than all numbers.
func largest[T cmp.Ordered](p *pooling, x []T, from int, y []T, to int, at []int64, byColumns bool) {
	x = x[from : from+p.area()]
	for _, z := range p.spans[0] {
		for _, r := range p.spans[1] {
			for _, c := range p.spans[2] {
				best := (z.from*p.size[1]+r.from)*p.size[2] + c.from
				for d := z.from; d < z.to; d += z.step {
					for i := r.from; i < r.to; i += r.step {
						line := (d*p.size[1] + i) * p.size[2]
						for j := c.from; j < c.to; j += c.step {
							if v := x[line+j]; v > x[best] || v != v && x[best] == x[best] {
								best = line + j
							}
						}
					}
				}
				y[to] = x[best]
				if at != nil {
					at[to] = int64(from + p.indexOf(best, byColumns))
				}
				to++
			}
		}
	}
}

// indexOf returns the flat index in a channel of the element at offset at. It counts down the
// columns first if byColumns.
func (p *pooling) indexOf(at int, byColumns bool) int {
	if !byColumns {
		return at
	}
	line, column := at/p.size[2], at%p.size[2]
	return line/p.size[1] + (line%p.size[1]+column*p.size[1])*p.size[0]
}

func evalAveragePool(n *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x := in[0]
	if err := x.wantImages(); err != nil {
		return nil, err
	}
	p, y, err := poolingOf(n, x)
	if err != nil {
		return nil, err
	}
	whole := 0 // the number of elements in each mean, if it is always the same
	if n.Flag("count_include_pad") {
		whole = p.elements()
	}
	err = p.each(func(from, to int) {
		if x.Doubles != nil {
			means(&p, x.Doubles[from:], y.Doubles[to:], whole)
		} else {
			means(&p, x.Floats[from:], y.Floats[to:], whole)
		}
	})
	y.round()
	return []*Tensor{y}, err
}

// means computes the mean under each window of one channel: the sum of the elements inside the
// image, divided by their number, or by `whole` if that is not 0.
func means[T float32 | float64](p *pooling, x, y []T, whole int) {
	to := 0
	for _, z := range p.spans[0] {
		for _, r := range p.spans[1] {
			for _, c := range p.spans[2] {
				sum := 0.0
				for d := z.from; d < z.to; d += z.step {
					for i := r.from; i < r.to; i += r.step {
						line := (d*p.size[1] + i) * p.size[2]
						for j := c.from; j < c.to; j += c.step {
							sum += float64(x[line+j])
						}
					}
				}
				count := whole
				if count == 0 {
					count = z.count() * r.count() * c.count()
				}
				y[to] = T(sum / float64(count))
				to++
			}
		}
	}
}

func evalGlobalAveragePool(_ *graph.Node, in []*Tensor) ([]*Tensor, error) {
	x := in[0]
	if err := x.wantImages(); err != nil {
		return nil, err
	}
	shape, area := slices.Clone(x.Shape), product(x.Shape[2:])
	for i := range shape[2:] {
		shape[2+i] = 1
	}
	if area == 0 {
		return nil, fmt.Errorf("input %s has no pixels", x)
	}
	y, err := newTensor(x.Elem, shape...)
	if err != nil {
		return nil, err
	}
	for i := range y.Len() {
		if x.Doubles != nil {
			y.Doubles[i] = mean(x.Doubles[i*area : (i+1)*area])
		} else {
			y.Floats[i] = mean(x.Floats[i*area : (i+1)*area])
		}
	}
	y.round()
	return one(y)
}

func mean[T float32 | float64](list []T) T {
	sum := 0.0
	for _, v := range list {
		sum += float64(v)
	}
	return T(sum / float64(len(list)))
}
