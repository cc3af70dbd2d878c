package onnxmodels

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/modelfile"
)

// cudaKernels are the operators that ONNX Runtime 1.28.0's CUDA provider has kernels for,
// in opset 17 and with the element types that the graphs use. The names of the kernels in
// the library say so (kCudaExecutionProvider_ArgMax_kOnnxDomain_ver13_float, ...).
// MaxPoolGrad and the operators of the blocked layout are not among them.
var cudaKernels = []string{
	"Abs", "Add", "ArgMax", "AveragePool", "Cast", "Clip", "Concat", "ConstantOfShape", "Conv", "ConvTranspose",
	"Div", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten", "Gather", "Gemm", "GlobalAveragePool", "HardSigmoid", "HardSwish", "LeakyRelu", "Less", "Max", "MaxPool", "Min",
	"Mod", "Mul", "Neg", "Range", "Reciprocal", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Resize",
	"ScatterElements", "Shape", "Sigmoid", "Size", "Softplus", "SoftmaxCrossEntropyLoss", "Split", "Sqrt", "Sub", "Sum", "Transpose", "Where",

	"AdamWOptimizer", "BatchNormInternal", "BatchNormalizationGrad", "ConvGrad", "Gelu", "GeluGrad", "InPlaceAccumulatorV2", "ReduceAllL2",
	"LeakyReluGrad", "QuickGelu", "QuickGeluGrad", "ReluGrad", "SGDOptimizerV2", "SigmoidGrad", "SoftmaxCrossEntropyLossGrad",
}

// operators counts the nodes of each operator in the model.
func operators(m *modelfile.Model) map[string]int {
	counts := map[string]int{}
	for _, n := range m.GetGraph().GetNode() {
		counts[n.GetOpType()]++
	}
	return counts
}

// every returns a network with each kind of layer.
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

// TestCUDAKernels checks that no operator of a step falls back to the CPU, and that a
// fixed batch leaves no shapes to compute.
func TestCUDAKernels(t *testing.T) {
	networks := map[string]*Network{"study": mustCNN(t, 32, []int{64, 128, 256}, 3, 10), "every layer": every(t)}
	for _, activation := range Activations() {
		n, err := MobileNet(MobileNetOptions{Height: 8, Width: 8, Activation: activation, Dropout: 0.2, Classes: 3})
		if err != nil {
			t.Fatal(err)
		}
		networks["mobilenet with "+activation] = n
	}
	for form, depth := range map[string]int{FormCIFAR: 8, FormImageNet: 50} {
		n, err := ResNet(ResNetOptions{Height: 32, Width: 32, Form: form, Depth: depth, Classes: 3})
		if err != nil {
			t.Fatal(err)
		}
		networks["resnet "+form] = n
	}
	for name, n := range networks {
		for _, ghosts := range []int{1, 8} {
			for _, batch := range []int{0, 16} {
				for _, mixed := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, %d ghost batches, batch %d, mixed precision %v", name, ghosts, batch, mixed), func(t *testing.T) {
						a, err := n.Artifacts(TrainingOptions{
							Momentum: 0.9, GhostBatches: ghosts, LabelSmoothing: 0.1, WeightDecay: 1e-4,
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

// TestCUDAKernelsOfRules checks the same for the optimizers that are a part of the
// training model, and for losses with class weights or with mixed images.
func TestCUDAKernelsOfRules(t *testing.T) {
	adamW := adamOptions(artifact.OptimizerAdamW)
	adamW.WeightDecay, adamW.ClipNorm = 0.01, 1
	lamb := adamOptions(artifact.OptimizerLAMB)
	for name, o := range map[string]TrainingOptions{
		"adamw":    adamW,
		"lars":     {Optimizer: artifact.OptimizerLARS, Momentum: 0.9, TrustCoefficient: 0.001, WeightDecay: 0.01, EMADecay: 0.9, EMAWarmup: true},
		"lamb":     lamb,
		"bce":      {Momentum: 0.9, Loss: artifact.LossBinaryCrossEntropy, LabelSmoothing: 0.1, Mixes: true, GhostBatches: 2},
		"targets":  {Momentum: 0.9, Loss: artifact.LossMeanSquaredError, MultiLabel: true, LabelSmoothing: 0.1, GhostBatches: 2},
		"nesterov": {Momentum: 0.9, Nesterov: true, WeightDecay: 0.01},
		"mixed":    {Momentum: 0.9, LabelSmoothing: 0.1, Mixes: true, GhostBatches: 2},
		"weights":  {Momentum: 0.9, LabelSmoothing: 0.1, ClassWeights: []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
	} {
		for _, count := range []int{1, 2} {
			for _, mixed := range []bool{false, true} {
				o.MicroBatches, o.Batch, o.Mixed, o.Target = count, 16, mixed, TargetCUDA
				t.Run(fmt.Sprintf("%s, %d micro-batches, mixed precision %v", name, count, mixed), func(t *testing.T) {
					a, err := every(t).Artifacts(o)
					if err != nil {
						t.Fatal(err)
					}
					checkCUDA(t, operators(a.Training), true)
					checkCUDA(t, operators(a.Optimizer), true)
				})
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
