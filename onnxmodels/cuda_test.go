package onnxmodels

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"onnxlab/onnxmodels/modelfile"
)

// cudaKernels are the operators of which the CUDA provider of ONNX Runtime
// 1.28.0 has kernels for opset 17 and the element types that the graphs use, as
// the names of the kernels tell that the library holds
// (kCudaExecutionProvider_ArgMax_kOnnxDomain_ver13_float, ...). HardSigmoid,
// MaxPoolGrad and the operators of the blocked layout are not among them.
var cudaKernels = []string{
	"Add", "ArgMax", "AveragePool", "Cast", "Concat", "ConstantOfShape", "Conv", "ConvTranspose",
	"Div", "Equal", "Exp", "Expand", "Flatten", "Gather", "Gemm", "GlobalAveragePool", "Less", "Max", "MaxPool", "Min",
	"Mod", "Mul", "Neg", "Range", "Reciprocal", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Resize",
	"ScatterElements", "Shape", "Size", "SoftmaxCrossEntropyLoss", "Split", "Sub", "Sum", "Transpose",

	"AdamWOptimizer", "BatchNormInternal", "BatchNormalizationGrad", "ConvGrad", "InPlaceAccumulatorV2", "ReduceAllL2",
	"ReluGrad", "SoftmaxCrossEntropyLossGrad",
}

// operators counts those of the model.
func operators(m *modelfile.Model) map[string]int {
	counts := map[string]int{}
	for _, n := range m.GetGraph().GetNode() {
		counts[n.GetOpType()]++
	}
	return counts
}

// every is a network with each kind of layer.
func every(t *testing.T) *Network {
	t.Helper()
	n, err := NewNetwork(8, 8,
		Conv("conv", ConvOptions{Filters: 8, Kernel: 3}), BatchNorm("norm", BatchNormOptions{Corrected: true}), ReLU("relu"),
		MaxPool("max", PoolOptions{Size: 2}), Dropout("drop", 0.5),
		AveragePool("average", PoolOptions{Size: 3, Stride: 1, Same: true}),
		GlobalAveragePool("global"), Flatten("flat"), Dense("dense", 10))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCUDAKernels holds that no operator of a step falls back to the CPU, and
// that a fixed batch leaves no shapes to compute.
func TestCUDAKernels(t *testing.T) {
	networks := map[string]*Network{"study": mustCNN(t, 32, []int{64, 128, 256}, 3, 10), "every layer": every(t)}
	for name, n := range networks {
		for _, replicas := range []int{1, 8} {
			for _, batch := range []int{0, 16} {
				for _, mixed := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, %d replicas, batch %d, mixed precision %v", name, replicas, batch, mixed), func(t *testing.T) {
						a, err := n.Artifacts(TrainingOptions{
							Momentum: 0.9, Replicas: replicas, LabelSmoothing: 0.1, WeightDecay: 1e-4,
							Rates: []float32{0.1}, Batch: batch, Mixed: mixed, Target: TargetCUDA,
						})
						if err != nil {
							t.Fatal(err)
						}
						checkCUDA(t, operators(a.Training), batch > 0)
						checkCUDA(t, operators(a.Optimizer), true)
					})
				}
			}
		}
	}
}

func checkCUDA(t *testing.T, counts map[string]int, fixed bool) {
	t.Helper()
	for _, op := range slices.Sorted(maps.Keys(counts)) {
		if !slices.Contains(cudaKernels, op) {
			t.Errorf("%d %s: the CUDA provider has no such kernel", counts[op], op)
		}
	}
	if shapes := counts["Shape"] + counts["Size"]; fixed != (shapes == 0) {
		t.Errorf("batch fixed: %v, and %d nodes compute shapes", fixed, shapes)
	}
}
