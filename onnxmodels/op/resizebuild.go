package op

import (
	"fmt"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// resize describes a Resize node of a model, dimension by dimension.
type resize struct {
	sampling // the settings that all dimensions share
	name     string
	x        *graph.Value
	dims     []resizedDim
	beyond   float32 // the value of output elements that lie outside the input
}

// resizedDim describes how one dimension is resized.
type resizedDim struct {
	sampling
	taps
	changed bool
	outside []bool // which output elements lie outside the input; nil if none do
}

func newResize(n *graph.Node, s sampling) *resize {
	x := n.In("X")
	return &resize{sampling: s, name: n.Name, x: x, dims: make([]resizedDim, len(x.Shape)), beyond: n.Float("extrapolation_value")}
}

// byScale resizes a dimension by a scale.
func (r *resize) byScale(s sampling, axis int, scale float32) error {
	return r.set(s, axis, int(float64(r.x.Size(axis))*float64(scale)), float64(scale))
}

// set resizes a dimension to `out` elements. A symbolic dimension cannot be resized.
func (r *resize) set(s sampling, axis, out int, scale float64) error {
	crops := s.coordinates == "tf_crop_and_resize"
	if r.x.Shape[axis].Symbol != "" {
		if scale != 1 || crops && (s.start != 0 || s.end != 1) {
			return fmt.Errorf("%s cannot be resized along dimension %d, which is symbolic", r.x, axis)
		}
		return nil
	}
	s, err := s.forSizes(r.x.Size(axis), out, scale)
	if err != nil {
		return err
	}
	d := resizedDim{sampling: s, taps: s.taps(s.position)}
	for o := 0; crops && o < out; o++ {
		if x := s.position(o); x < 0 || x > float64(s.in-1) {
			if d.outside == nil {
				d.outside = make([]bool, out)
			}
			d.outside[o] = true
			clear(d.weights[o*d.count : (o+1)*d.count])
		}
	}
	d.changed = !d.identity()
	r.dims[axis] = d
	return nil
}

// resized appends the output of the node: with ONNX Runtime's kernel if it computes what ONNX
// defines, else with operators that resize one dimension at a time.
func (b Builder) resized(r *resize) ([]*graph.Value, error) {
	if scales := r.kernelScales(); scales != nil {
		list := b.Floats(r.name+".scales", []int{len(scales)}, scales)
		return []*graph.Value{b.one("Resize", r.name, []*graph.Value{r.x, nil, list}, r.attributes()...)}, nil
	}
	y := r.x
	for axis, d := range r.dims {
		name := fmt.Sprint(r.name, ".", axis)
		switch {
		case !d.changed:
		case r.x.Elem.Floating():
			y = b.applyMatrix(name, y, axis, d.matrix(), d.out)
		case r.mode == "nearest" && d.outside == nil:
			y = b.Gather(name, y, b.Ints(name+".places", wide(d.at)...), axis)
		default:
			return nil, fmt.Errorf("%s cannot be resized in the mode %q, want floating-point numbers", r.x, r.mode)
		}
	}
	if mask := r.outside(); mask != nil && r.beyond != 0 {
		values := &Tensor{Elem: graph.Double, Shape: mask.Shape, Doubles: make([]float64, mask.Len())}
		for i, v := range mask.Ints {
			values.Doubles[i] = float64(v) * float64(r.beyond)
		}
		c, err := Converted(values, y.Elem)
		if err != nil {
			return nil, err
		}
		y = b.Binary("Add", r.name+".beyond", y, b.constant(r.name+".beyond_values", c))
	}
	if y == r.x {
		y = b.Unary("Identity", r.name, y)
	}
	return []*graph.Value{y}, b.Err()
}

// kernelScales returns scales with which ONNX Runtime's kernel computes what ONNX defines, or nil
// if there are none.
func (r *resize) kernelScales() []float32 {
	images := func(ranks ...int) bool {
		return slices.Contains(ranks, len(r.dims)) && !r.dims[0].changed && !r.dims[1].changed
	}
	switch {
	case !r.x.Elem.Floating() || r.x.Elem == graph.Double || r.antialias,
		r.coordinates == "tf_crop_and_resize" || r.coordinates == "half_pixel_symmetric",
		r.mode == "linear" && !images(4, 5),
		r.mode == "cubic" && !images(4),
		!slices.ContainsFunc(r.dims, func(d resizedDim) bool { return d.changed }):
		return nil
	}
	scales := make([]float32, len(r.dims))
	for i, d := range r.dims {
		scales[i] = 1
		if !d.changed {
			continue
		}
		scales[i] = float32(d.scale)
		// ONNX Runtime multiplies size and scale in float32, but its shape inference does so in
		// float64, where the product must not be rounded down below d.out.
		if float64(d.in)*float64(scales[i]) < float64(d.out) {
			scales[i] = math.Nextafter32(scales[i], math.MaxFloat32)
		}
		s := r.sampling
		s.in, s.out, s.scale = d.in, d.out, float64(scales[i])
		if scaled(d.in, scales[i]) != d.out || !s.taps(s.kernelPosition).near(d.taps, 1e-4) {
			return nil
		}
	}
	return scales
}

// attributes returns the attributes of a Resize node for ONNX Runtime's kernel.
func (r *resize) attributes() []graph.Attribute {
	list := []graph.Attribute{
		{Name: "coordinate_transformation_mode", Value: r.coordinates},
		{Name: "mode", Value: r.mode},
	}
	switch r.mode {
	case "nearest":
		list = append(list, graph.Attribute{Name: "nearest_mode", Value: r.nearest})
	case "cubic":
		list = append(list, graph.Attribute{Name: "cubic_coeff_a", Value: float32(r.cubic)},
			graph.Attribute{Name: "exclude_outside", Value: flag(r.inside)})
	}
	return list
}

// outside returns a mask of the output elements that lie outside the input in some dimension. It
// can be broadcast to the output. It is nil if there are no such elements.
func (r *resize) outside() *Tensor {
	mask := &Tensor{Elem: graph.Int64, Shape: []int{}, Ints: []int64{0}}
	found := false
	for _, d := range r.dims {
		marks := d.outside
		if marks == nil {
			marks = []bool{false}
		}
		found = found || d.outside != nil
		longer := make([]int64, 0, mask.Len()*len(marks))
		for _, v := range mask.Ints {
			for _, m := range marks {
				longer = append(longer, max(v, flag(m)))
			}
		}
		mask.Shape, mask.Ints = append(mask.Shape, len(marks)), longer
	}
	if !found {
		return nil
	}
	return mask
}
