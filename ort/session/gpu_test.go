//go:build gpu

package session

import (
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/internal/npz"
	"onnxlab/onnxmodels"
	"onnxlab/ort/library/librarytest"
)

// envReference names the file that bench/gpu/reference.py has made on this GPU.
const envReference = "ONNXLAB_GPU_REFERENCE"

// leeway is how many times as far from PyTorch's float64 results we may be as PyTorch itself is
// when it computes in the same precision.
const leeway = 3

// gpuReference is what PyTorch computed on this GPU with the study's network.
type gpuReference struct {
	npz.Archive
	network       *onnxmodels.Network
	batches, size int
}

func readGPUReference(t *testing.T) gpuReference {
	t.Helper()
	path := os.Getenv(envReference)
	if path == "" {
		t.Fatalf("%s names no file; bench/gpu/reference.py makes it", envReference)
	}
	a, err := npz.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	shape := a["image"].Shape
	return gpuReference{a, cnn(t, shape[2], []int{64, 128, 256}, 3), shape[0], shape[1]}
}

// trainer returns a trainer with PyTorch's initial parameters.
func (r gpuReference) trainer(t *testing.T, target string, mixed bool, options Options) *Trainer {
	t.Helper()
	o := onnxmodels.TrainingOptions{Momentum: 0.9, Target: target, Mixed: mixed}
	return trainerWith(t, r.network, parametersOf(r.network, r.Archive, "param/"), setup{o, r.size, r.size}, options)
}

// step trains on the batch of step number `number`.
func (r gpuReference) step(t *testing.T, tr *Trainer, number int) Result {
	t.Helper()
	images, labels := r.Archive["image"].Uint8(), r.Archive["label"].Int64()
	at, bytes := number%r.batches, len(images)/r.batches
	result, err := tr.Step(images[at*bytes:(at+1)*bytes], labels[at*r.size:(at+1)*r.size], r.Archive["rate"].Float64()[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// losses returns the losses of as many steps as PyTorch made.
func (r gpuReference) losses(t *testing.T, tr *Trainer) []float64 {
	t.Helper()
	losses := make([]float64, len(r.Archive["float64/loss"].Float64()))
	for i := range losses {
		losses[i] = r.step(t, tr, i).Loss
	}
	return losses
}

// TestStudyOnGPU compares the study's network with PyTorch on the same GPU, and with our own
// steps on the CPU. In each precision, the gradients of the first step and the losses of all
// steps must be nearly as close to PyTorch's float64 as PyTorch itself is in that precision
// (within leeway), or closer than a floor. The floor is there because a ReLU whose input is
// almost 0 may be open in one program and shut in another, which changes small gradients by up
// to a percent.
func TestStudyOnGPU(t *testing.T) {
	r := readGPUReference(t)
	cpu := r.losses(t, r.trainer(t, onnxmodels.TargetNative, false, Options{Threads: runtime.NumCPU()}))
	for _, c := range []struct {
		precision, pytorch string
		mixed              bool
	}{
		{"float32", "float32", false},
		{"tf32", "tf32", false},
		{"mixed_float16", "float16", true},
	} {
		t.Run(c.precision, func(t *testing.T) {
			options := Options{Device: librarytest.Device(), Threads: 2, TF32: c.precision != "float32" && librarytest.Device() == configs.CUDA}
			tr := r.trainer(t, onnxmodels.TargetCUDA, c.mixed, options)
			r.compareGradients(t, tr, c.pytorch)
			// The first step has been made.
			got := r.losses(t, r.trainer(t, onnxmodels.TargetCUDA, c.mixed, options))
			exact, peer := r.Archive["float64/loss"].Float64(), r.Archive[c.pytorch+"/loss"].Float64()
			ours, theirs := furthest(got, exact), furthest(peer, exact)
			t.Logf("losses of %d steps: %.1e from PyTorch's float64, PyTorch %.1e, from the CPU's %.1e", len(got), ours, theirs, furthest(got, cpu))
			if !(ours < max(1e-3, leeway*theirs)) {
				t.Errorf("losses %.1e from float64, PyTorch's %.1e", ours, theirs)
			}
			if e := furthest(got, cpu); c.precision == "float32" && !(e < 1e-3) {
				t.Errorf("losses %.1e from those of the CPU", e)
			}
		})
	}
}

// compareGradients makes the first step and compares its gradients.
func (r gpuReference) compareGradients(t *testing.T, tr *Trainer, pytorch string) {
	t.Helper()
	r.step(t, tr, 0)
	rate := r.Archive["rate"].Float64()[0]
	worst, worstPeer := 0.0, 0.0
	for name, got := range gradients(t, saved(t, tr), 0.9) {
		for i := range got {
			got[i] /= rate
		}
		if strings.Contains(name, "conv") && strings.HasSuffix(name, "bias") {
			checkZero(t, name, got)
			continue
		}
		exact := r.Archive["float64/grad/"+name].Float64()
		ours, theirs := relativeRMS(got, exact), relativeRMS(r.Archive[pytorch+"/grad/"+name].Float64(), exact)
		worst, worstPeer = max(worst, ours), max(worstPeer, theirs)
		if !(ours < max(1e-2, leeway*theirs)) {
			t.Errorf("gradient of %s: %.1e from float64, PyTorch's %.1e", name, ours, theirs)
		}
	}
	t.Logf("gradients: at most %.1e from PyTorch's float64, PyTorch's at most %.1e", worst, worstPeer)
}

// furthest returns the largest relative difference.
func furthest(got, want []float64) float64 {
	differences := make([]float64, len(want))
	for i := range want {
		differences[i] = math.Abs(got[i]/want[i] - 1)
	}
	return slices.Max(differences)
}
