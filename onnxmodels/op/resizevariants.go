package op

import (
	"errors"
	"fmt"
	"math"

	"onnxlab/onnxmodels/graph"
)

// A model's Resize may need more than Resize of opset 17 or ONNX Runtime's kernels can do. Then it
// becomes products with constant matrices. Until opset 9 the operator was called Upsample.
var _ = RegisterVariants(
	&Variant{
		Schema: graph.Schema{Op: "Upsample", Takes: Takes("X"), Gives: Gives("Y"), Fields: Fields("mode", "nearest", "scales", Required{[]float32(nil)})},
		Until:  8,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			scales, _ := n.Attribute("scales").([]float32)
			return b.upsampled(n, scales)
		},
	},
	upsampleVariant("Upsample", 9, 9),
	upsampleVariant("Resize", 10, 10),
	&Variant{
		Schema: graph.Schema{
			Op: "Resize", Takes: Takes("X", "roi?", "scales?", "sizes?"), Gives: Gives("Y"),
			Fields: Fields("coordinate_transformation_mode", "half_pixel", "mode", "nearest", "nearest_mode", "round_prefer_floor",
				"cubic_coeff_a", float32(-0.75), "exclude_outside", int64(0), "extrapolation_value", float32(0),
				"antialias", int64(0), "axes", []int64(nil), "keep_aspect_ratio_policy", "stretch"),
		},
		From:  11,
		Build: buildResize,
	},
)

// upsampleVariant is the variant of an operator that has the scales as its only other input.
func upsampleVariant(name string, from, until int) *Variant {
	return &Variant{
		Schema: graph.Schema{Op: name, Takes: Takes("X", "scales"), Gives: Gives("Y"), Fields: Fields("mode", "nearest")},
		From:   from, Until: until,
		Build: func(b Builder, n *graph.Node) ([]*graph.Value, error) {
			scales, err := scalesOf(n)
			if err != nil {
				return nil, err
			}
			return b.upsampled(n, scales)
		},
	}
}

func scalesOf(n *graph.Node) ([]float32, error) {
	t := TensorOf(n.In("scales"))
	if t == nil || t.Elem != graph.Float {
		return nil, fmt.Errorf("the scales %s are not constant", n.In("scales"))
	}
	return t.Floats, nil
}

// upsampled appends the Resize of older models, which have only scales. Of two neighbouring
// elements, their mode "nearest" takes the first, or the second if the dimension shrinks.
func (b Builder) upsampled(n *graph.Node, scales []float32) ([]*graph.Value, error) {
	s := sampling{coordinates: "asymmetric", mode: n.Text("mode"), nearest: "floor", cubic: -0.75}
	if err := s.check(); err != nil {
		return nil, err
	}
	r := newResize(n, s)
	if len(scales) != len(r.dims) {
		return nil, fmt.Errorf("there are %d scales for input %s, want one for each dimension", len(scales), r.x)
	}
	for i, scale := range scales {
		s := s
		if scale < 1 {
			s.nearest, r.nearest = "ceil", "ceil"
		}
		if err := r.byScale(s, i, scale); err != nil {
			return nil, err
		}
	}
	return b.resized(r)
}

func buildResize(b Builder, n *graph.Node) ([]*graph.Value, error) {
	s, err := samplingOf(n)
	if err != nil {
		return nil, err
	}
	r := newResize(n, s)
	axes, err := axesList(n.Ints("axes"), len(r.dims))
	if err != nil {
		return nil, err
	}
	if len(axes) == 0 {
		for i := range r.dims {
			axes = append(axes, i)
		}
	}
	parts := make([]sampling, len(axes))
	for i := range parts {
		parts[i] = s
		if s.coordinates != "tf_crop_and_resize" {
			continue
		}
		var roi *Tensor
		if v := n.In("roi"); v != nil {
			roi = TensorOf(v)
		}
		if roi == nil || roi.Len() != 2*len(axes) {
			return nil, errors.New("the input roi is not a constant with two numbers for each axis")
		}
		parts[i].start, parts[i].end = roi.At(i), roi.At(len(axes)+i)
	}
	if err := r.read(n, axes, parts); err != nil {
		return nil, err
	}
	return b.resized(r)
}

// read reads the sizes or scales of a node's axes.
func (r *resize) read(n *graph.Node, axes []int, parts []sampling) error {
	sizes := n.In("sizes")
	if sizes != nil && len(sizes.Shape) == 1 && sizes.Shape[0] != graph.Fixed(0) {
		return r.bySizes(sizes, n.Text("keep_aspect_ratio_policy"), axes, parts)
	}
	if n.In("scales") == nil {
		return errors.New("there are neither scales nor sizes")
	}
	scales, err := scalesOf(n)
	if err != nil {
		return err
	}
	if len(scales) != len(axes) {
		return fmt.Errorf("there are %d scales for %d axes", len(scales), len(axes))
	}
	for k, axis := range axes {
		if err := r.byScale(parts[k], axis, scales[k]); err != nil {
			return err
		}
	}
	return nil
}

// bySizes reads the sizes of axes, each of which must be a known number or the symbolic size that
// x already has.
func (r *resize) bySizes(sizes *graph.Value, policy string, axes []int, parts []sampling) error {
	known := sizes.Known()
	if len(known) != len(axes) {
		return fmt.Errorf("the sizes %s are not known before the model runs, one for each of %d axes", sizes, len(axes))
	}
	scales, least, most := make([]float64, len(axes)), math.Inf(1), 0.0
	for k, axis := range axes {
		d := r.x.Shape[axis]
		switch {
		case known[k] == d:
			scales[k] = 1
		case known[k].Symbol != "" || d.Symbol != "":
			return fmt.Errorf("%s cannot be resized along dimension %d to %s", r.x, axis, known[k])
		default:
			scales[k] = float64(known[k].Size) / float64(d.Size)
		}
		least, most = min(least, scales[k]), max(most, scales[k])
	}
	for k, axis := range axes {
		scale := scales[k]
		switch policy {
		case "stretch":
		case "not_larger":
			scale = least
		case "not_smaller":
			scale = most
		default:
			return fmt.Errorf("attribute \"keep_aspect_ratio_policy\" is %q, want stretch, not_larger or not_smaller", policy)
		}
		out := known[k].Size
		if policy != "stretch" {
			out = int64(scale*float64(r.x.Shape[axis].Size) + 0.5)
		}
		if err := r.set(parts[k], axis, int(out), scale); err != nil {
			return err
		}
	}
	return nil
}
