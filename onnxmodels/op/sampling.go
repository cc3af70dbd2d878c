package op

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"onnxlab/onnxmodels/graph"
)

// sampling describes how Resize reads one dimension of its input (ONNX Resize-19).
type sampling struct {
	in, out     int // the sizes of the input and the output
	scale       float64
	coordinates string // coordinate_transformation_mode
	mode        string
	nearest     string  // nearest_mode
	cubic       float64 // cubic_coeff_a
	// antialias widens the kernel if the dimension shrinks. inside (exclude_outside) leaves
	// out elements beyond the ends instead of repeating the last one.
	antialias, inside bool
	// start and end are the part of the dimension that tf_crop_and_resize reads, where 1 is
	// the last element.
	start, end float64
}

// samplingOf reads the attributes of a node, which hold for all dimensions.
func samplingOf(n *graph.Node) (sampling, error) {
	s := sampling{
		coordinates: n.Text("coordinate_transformation_mode"), mode: n.Text("mode"), nearest: n.Text("nearest_mode"),
		cubic: float64(n.Float("cubic_coeff_a")), inside: n.Flag("exclude_outside"), antialias: n.Flag("antialias"),
	}
	return s, s.check()
}

// check returns an error if an attribute has a value that ONNX does not define.
func (s sampling) check() error {
	for name, is := range map[string]struct {
		value string
		known []string
	}{
		"mode":         {s.mode, []string{"nearest", "linear", "cubic"}},
		"nearest_mode": {s.nearest, []string{"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}},
		"coordinate_transformation_mode": {s.coordinates, []string{
			"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize", "tf_half_pixel_for_nn",
		}},
	} {
		if !slices.Contains(is.known, is.value) {
			return fmt.Errorf("attribute %q is %q, want one of %q", name, is.value, is.known)
		}
	}
	if s.antialias && s.mode == "nearest" {
		return errors.New("attribute \"antialias\" is 1, which the mode \"nearest\" does not have")
	}
	return nil
}

// matrixLimit is the most elements that the matrix of weights of a dimension may have.
const matrixLimit = 1 << 24

// forSizes returns the sampling for a dimension that is resized from in to out elements.
func (s sampling) forSizes(in, out int, scale float64) (sampling, error) {
	s.in, s.out, s.scale = in, out, scale
	if in < 1 || out < 1 || in > matrixLimit || out > matrixLimit/in || !(scale > 0 && scale <= maxWindow) {
		return s, fmt.Errorf("a dimension of %d elements cannot be resized to %d by a scale of %v", in, out, scale)
	}
	return s, nil
}

// position returns the position in the input of element i of the output. It is a fraction if it is
// between two elements.
func (s sampling) position(i int) float64 {
	x, last := float64(i), float64(s.in-1)
	length := s.scale * float64(s.in) // the length of the output before rounding
	switch s.coordinates {
	case "align_corners":
		if length == 1 {
			return 0
		}
		return x * last / (length - 1)
	case "asymmetric":
		return x / s.scale
	case "tf_half_pixel_for_nn": // until opset 12
		return (x + 0.5) / s.scale
	case "tf_crop_and_resize":
		if length == 1 {
			return (s.start + s.end) / 2 * last
		}
		return s.start*last + x*(s.end-s.start)*last/(length-1)
	case "pytorch_half_pixel":
		if length == 1 {
			return -0.5
		}
	case "half_pixel_symmetric":
		return float64(s.in)/2*(1-float64(s.out)/length) + (x+0.5)/s.scale - 0.5
	}
	return (x+0.5)/s.scale - 0.5
}

// kernelPosition returns the position as ONNX Runtime's kernel computes it: in float32, and with
// the rounded length of the output.
func (s sampling) kernelPosition(i int) float64 {
	x, scale := float32(i), float32(s.scale)
	switch s.coordinates {
	case "align_corners":
		if s.out == 1 {
			return 0
		}
		return float64(x * float32(s.in-1) / float32(s.out-1))
	case "asymmetric":
		return float64(x / scale)
	case "tf_half_pixel_for_nn":
		return float64((x + 0.5) / scale)
	case "pytorch_half_pixel":
		if s.out == 1 {
			return 0
		}
	}
	return float64((x+0.5)/scale - 0.5)
}

// taps describes each element of the output as a weighted sum of count elements of the input:
// output element i is the sum of weights[k]·input[at[k]] for k in i·count..(i+1)·count−1.
type taps struct {
	size, count int // size is that of the input
	at          []int
	weights     []float64
}

// taps returns the taps for all elements of the output, given the function that returns their
// positions: position, as ONNX defines it, or kernelPosition.
func (s sampling) taps(position func(i int) float64) taps {
	t := taps{size: s.in}
	for i := range s.out {
		at, weights := s.around(position(i))
		t.count = len(at)
		sum := 0.0
		for k := range at {
			if s.inside && s.mode != "nearest" && (at[k] < 0 || at[k] >= s.in) {
				weights[k] = 0
			}
			sum += weights[k]
		}
		for k := range at {
			if sum != 0 {
				weights[k] /= sum
			}
			at[k] = max(0, min(at[k], s.in-1))
		}
		t.at, t.weights = append(t.at, at...), append(t.weights, weights...)
	}
	return t
}

// around returns the indices of the elements around a position, and their weights. Indices may
// lie outside the input.
func (s sampling) around(x float64) (at []int, weights []float64) {
	floor := math.Floor(x)
	if s.mode == "nearest" {
		return []int{s.nearestTo(x)}, []float64{1}
	}
	first, kernel, scale := 0, linearKernel, 1.0
	if s.mode == "cubic" {
		first, kernel = -1, s.cubicKernel
	}
	if s.antialias && s.scale < 1 {
		scale = s.scale
		first = int(math.Floor(float64(first-1)/scale) + 1)
		if x == floor {
			floor-- // at a whole number, ONNX begins the window one element earlier
		}
	}
	for i := first; i <= 1-first; i++ {
		at, weights = append(at, int(floor)+i), append(weights, kernel((floor+float64(i)-x)*scale))
	}
	return at, weights
}

// nearestTo returns the index of the element nearest to a position.
func (s sampling) nearestTo(x float64) int {
	switch s.nearest {
	case "floor":
		x = math.Floor(x)
	case "ceil":
		x = math.Ceil(x)
	case "round_prefer_ceil":
		x = math.Floor(x + 0.5)
	default:
		x = math.Ceil(x - 0.5)
	}
	return int(x)
}

// linearKernel and cubicKernel (Keys, 1981) return the weight of an element at a distance.
func linearKernel(x float64) float64 { return max(0, 1-math.Abs(x)) }

func (s sampling) cubicKernel(x float64) float64 {
	a := s.cubic
	switch x = math.Abs(x); {
	case x <= 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return ((a*x-5*a)*x+8*a)*x - 4*a
	}
	return 0
}

// matrix returns the weights as a matrix [out, in], in row-major order.
func (t taps) matrix() []float64 {
	m := make([]float64, len(t.at)/max(t.count, 1)*t.size)
	for k, at := range t.at {
		m[k/t.count*t.size+at] += t.weights[k]
	}
	return m
}

// row returns the weights of element i of the output, by index into the input.
func (t taps) row(i int) map[int]float64 {
	row := map[int]float64{}
	for k := i * t.count; k < (i+1)*t.count; k++ {
		row[t.at[k]] += t.weights[k]
	}
	return row
}

// identity reports whether the output is equal to the input.
func (t taps) identity() bool {
	return t.near(taps{size: t.size, count: 1, at: t.ordered(), weights: slices.Repeat([]float64{1}, t.size)}, 0)
}

// ordered returns the indices 0, 1, … of the input.
func (t taps) ordered() []int {
	list := make([]int, t.size)
	for i := range list {
		list[i] = i
	}
	return list
}

// near reports whether both have the same weights, up to a difference.
func (t taps) near(u taps, difference float64) bool {
	out := len(t.at) / max(t.count, 1)
	if t.size != u.size || out != len(u.at)/max(u.count, 1) {
		return false
	}
	for i := range out {
		row := t.row(i)
		for at, weight := range u.row(i) {
			row[at] -= weight
		}
		for _, d := range row {
			if math.Abs(d) > difference {
				return false
			}
		}
	}
	return true
}

// repeats returns how many times in a row each element is repeated. It returns 0 if the taps do
// anything else than repeat all elements equally often.
func (t taps) repeats() int {
	n := len(t.at) / max(t.size, 1)
	if t.count != 1 || n*t.size != len(t.at) {
		return 0
	}
	for k, at := range t.at {
		if at != k/n {
			return 0
		}
	}
	return n
}
