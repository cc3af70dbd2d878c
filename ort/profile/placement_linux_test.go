//go:build cgo

package profile_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/internal/ownprocess"
	"onnxlab/onnxmodels"
	"onnxlab/ort/fakecuda"
	"onnxlab/ort/profile"
	"onnxlab/ort/session"
)

// TestPlacement checks that a whole training step, with every kind of layer, runs on the
// GPU, in float32 and in mixed precision: ONNX Runtime's CUDA provider takes each node,
// and only the flag that resets gradients is copied. A process can load only one library,
// so this test needs a process of its own.
func TestPlacement(t *testing.T) {
	if !ownprocess.Is(t) {
		err := ownprocess.Run(t, func(cmd *exec.Cmd) {
			for name, value := range fakecuda.Environ(t) {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := session.Open(t.Context(), session.LibraryOptions{Device: "cuda"}); err != nil {
		t.Fatal(err)
	}
	defer session.Close() // the process ends
	for _, ghosts := range []int{1, 2} {
		for _, mixed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d ghost batches, mixed precision %v", ghosts, mixed), func(t *testing.T) {
				place(t, onnxmodels.TrainingOptions{
					Momentum: 0.9, GhostBatches: ghosts, LabelSmoothing: 0.1, WeightDecay: 1e-4,
					Batch: 16, Mixed: mixed, Target: onnxmodels.TargetCUDA,
				})
			})
		}
	}
}

func place(t *testing.T, o onnxmodels.TrainingOptions) {
	conv := func(name string) onnxmodels.Layer {
		return onnxmodels.Conv(name, onnxmodels.ConvOptions{Filters: 8, Kernel: 3})
	}
	n, err := onnxmodels.NewNetwork(8, 8,
		conv("conv"), onnxmodels.BatchNorm("norm", onnxmodels.BatchNormOptions{}), onnxmodels.ReLU("relu"),
		conv("second"), onnxmodels.BatchNorm("corrected", onnxmodels.BatchNormOptions{Corrected: true}),
		onnxmodels.MaxPool("max", onnxmodels.PoolOptions{Size: 2}), onnxmodels.Dropout("drop", 0.5),
		onnxmodels.AveragePool("average", onnxmodels.PoolOptions{Size: 3, Stride: 1, Same: true}),
		onnxmodels.Residual("residual", nil, conv("conv")),
		onnxmodels.AveragePool("halves", onnxmodels.PoolOptions{Size: 2}),
		onnxmodels.GlobalAveragePool("global"), onnxmodels.Flatten("flat"), onnxmodels.Dense("dense", 10))
	if err != nil {
		t.Fatal(err)
	}
	a, err := n.Artifacts(o)
	if err != nil {
		t.Fatal(err)
	}
	feeds := profile.Feeds{onnxmodels.InputImage: make([]byte, o.Batch*8*8*3), onnxmodels.InputLabel: make([]byte, o.Batch*8)}
	trace, err := profile.Run(t.Context(), a.Training, feeds, []string{onnxmodels.OutputLoss, onnxmodels.OutputCorrect},
		profile.Options{Session: session.Options{Device: "cuda"}, Runs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(trace.Nodes) < 100 {
		t.Errorf("%d nodes ran, want at least the 100 of a whole step", len(trace.Nodes))
	}
	copies := 0
	for _, node := range trace.Nodes {
		if node.Provider != configs.ProviderCUDA {
			t.Errorf("%s %q ran in %s", node.Operator, node.Name, node.Provider)
		}
		if strings.HasPrefix(node.Operator, "Memcpy") {
			copies++
		}
	}
	if copies != 1 {
		t.Errorf("%d nodes copy between the GPU and the host, want 1", copies)
	}
}
