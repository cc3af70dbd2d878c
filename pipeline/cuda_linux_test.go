package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"onnxlab/configs"
	"onnxlab/ort/fakecuda"
	"onnxlab/ort/library"
	"onnxlab/ort/library/librarytest"
)

// TestGPU runs the scripts of testdata/cuda on a GPU that computes nothing or, if
// librarytest.EnvDevice says so, on a real one.
func TestGPU(t *testing.T) {
	environ := fakecuda.Environ
	if librarytest.Device() == configs.CUDA {
		environ = realGPU
	}
	params := scriptParams(t, filepath.Join("testdata", "cuda"), environ(t))
	params.Condition = func(condition string) (bool, error) {
		if condition != "fake" {
			return false, fmt.Errorf("unknown condition %q", condition)
		}
		return librarytest.Device() != configs.CUDA, nil
	}
	testscript.Run(t, params)
}

// realGPU returns the environment variables that scripts need to use the GPU of this machine.
func realGPU(t testing.TB) map[string]string {
	path, err := library.Ensure(t.Context(), library.Options{Device: configs.CUDA, Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{library.EnvLibrary: path, "LD_LIBRARY_PATH": os.Getenv("LD_LIBRARY_PATH"), "VIRTUAL_ENV": os.Getenv("VIRTUAL_ENV")}
}

// TestFakeGPUStep counts what a step does with the GPU. It copies the images, their labels,
// the learning rate and the flag that resets the gradients to it, and copies the loss and
// the number of correct images back. No convolution adds a bias, or sums the bias
// gradient, in a separate pass. All memory is allocated by the first step.
func TestFakeGPUStep(t *testing.T) {
	environ := fakecuda.Environ(t)
	calls := func(steps int) map[string]int {
		log := filepath.Join(t.TempDir(), "log")
		cmd := command(t, "bench", "step", "--steps", fmt.Sprint(steps), "--size", "8",
			"--set", "runtime.device=cuda", "--set", "train.batch_size=16", "--set", "model.widths=4,8")
		cmd.Env = append(os.Environ(), fakecuda.EnvLog+"="+log)
		for name, value := range environ {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		counts := map[string]int{}
		for line := range strings.Lines(mustRead(t, log)) {
			counts[strings.TrimSpace(line)]++
		}
		return counts
	}
	few, more := calls(1), calls(2)
	for call, n := range more {
		if n -= few[call]; n == 0 {
			delete(more, call)
		} else {
			more[call] = n
		}
	}
	const images, labels, scalar = 16 * 8 * 8 * 3, 16 * 8, 4
	if pin := fmt.Sprint("pin ", images); few[pin] != 1 || few["unpin"] != 1 {
		t.Errorf("%q %d times and \"unpin\" %d, want pinned memory for the images once, and freed", pin, few[pin], few["unpin"])
	}
	copies := map[string]int{}
	for call, n := range more {
		if strings.HasPrefix(call, "allocate") {
			t.Errorf("a step takes more memory: %s", call)
		}
		if strings.HasPrefix(call, "copy to") {
			copies[call] = n
		}
	}
	want := map[string]int{
		fmt.Sprint("copy to GPU ", images): 1, fmt.Sprint("copy to GPU ", labels): 1,
		fmt.Sprint("copy to GPU ", scalar): 1, "copy to GPU 1": 1,
		fmt.Sprint("copy to host ", scalar): 2,
	}
	if !maps.Equal(copies, want) {
		t.Errorf("a step copies %v, want %v", copies, want)
	}
	for call, want := range map[string]int{
		"cudnnBatchNormalizationForwardTraining": 6, "cudnnBatchNormalizationBackward": 6,
		"cudnnConvolutionBackwardFilter": 6, "cudnnConvolutionBackwardData": 5,
		"cudnnAddTensor": 0, "cudnnConvolutionBackwardBias": 0,
	} {
		if more[call] != want {
			t.Errorf("a step calls %s %d times, want %d", call, more[call], want)
		}
	}
	if n := more["__cudaLaunchKernel"]; n < 50 || n > 150 {
		t.Errorf("a step launches %d kernels, want about 100", n)
	}
}
