package verify

import (
	"slices"

	"onnxlab/onnxmodels/modelfile"
)

// ToleranceOfDepth is how far two runtimes may be apart on a model: Tolerance, and beyond ten layers
// with weights, as many as the study's network has, so much more as there are more of them, since
// each rounds and passes on what those before it have rounded.
func ToleranceOfDepth(m *modelfile.Model) float64 {
	const usual = 10
	layers := 0
	for _, n := range m.GetGraph().GetNode() {
		if slices.Contains([]string{"Conv", "ConvTranspose", "Gemm", "MatMul"}, n.GetOpType()) {
			layers++
		}
	}
	return Tolerance * max(1, float64(layers)/usual)
}
