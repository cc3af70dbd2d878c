package verify

import (
	"slices"

	"onnxlab/onnxmodels/modelfile"
)

// ToleranceOfDepth returns the largest difference in a probability that is accepted between two
// runtimes. It is Tolerance for models of up to ten layers with weights, as many as the study's
// network has. Beyond that it grows with the number of layers, since each layer adds rounding
// errors of its own.
func ToleranceOfDepth(m *modelfile.Model) float64 {
	const usual = 10 // layers
	layers := 0
	for _, n := range m.GetGraph().GetNode() {
		if slices.Contains([]string{"Conv", "ConvTranspose", "Gemm", "MatMul"}, n.GetOpType()) {
			layers++
		}
	}
	return Tolerance * max(1, float64(layers)/usual)
}
