package modelfile

import "onnxlab/internal/onnxpb"

// Sizes returns the dimensions of a value, 0 for those that are symbols.
func Sizes(v *onnxpb.ValueInfo) []int {
	var sizes []int
	for _, d := range v.GetType().GetTensorType().GetShape().GetDim() {
		sizes = append(sizes, int(d.GetDimValue()))
	}
	return sizes
}
