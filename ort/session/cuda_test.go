//go:build cgo

package session

import (
	"errors"
	"maps"
	"testing"
)

func TestCUDASettings(t *testing.T) {
	for _, c := range []struct {
		options Options
		how     search
		want    map[string]string
	}{
		{Options{Device: "cuda", TF32: true}, exhaustive, map[string]string{
			"use_tf32": "1", "cudnn_conv_algo_search": "EXHAUSTIVE", "cudnn_conv_use_max_workspace": "1",
			"arena_extend_strategy": "kSameAsRequested",
		}},
		{Options{Device: "cuda"}, heuristic, map[string]string{
			"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC", "cudnn_conv_use_max_workspace": "1",
			"arena_extend_strategy": "kSameAsRequested",
		}},
	} {
		if got := c.options.cudaSettings(c.how); !maps.Equal(got, c.want) {
			t.Errorf("%+v, %s: %v, want %v", c.options, c.how, got, c.want)
		}
	}
}

// The message is ONNX Runtime 1.28.0's where there is no GPU, with shortened
// paths.
func TestBlame(t *testing.T) {
	long := errors.New("error creating C training session: core/cuda_call.cc:154 std::conditional_t<THRW, void, Status> CudaCall(int) " +
		"[with ERRTYPE = cudaError; bool THRW = true] CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=vm ; expr=cudaSetDevice(0);\n\n")
	var device *DeviceError
	err := Options{Device: "cuda"}.blame(long)
	if !errors.As(err, &device) || device.Err.Error() != "CUDA failure 100: no CUDA-capable device is detected" {
		t.Errorf("error is %v", err)
	}
	other := errors.New("the model is broken")
	if err := (Options{Device: "cuda"}).blame(other); err != other {
		t.Errorf("a model's error became %v", err)
	}
	if err := (Options{Device: "cpu"}).blame(long); err != long {
		t.Errorf("on the CPU the error became %v", err)
	}
	if err := (Options{Device: "cuda"}).blame(nil); err != nil {
		t.Error(err)
	}
}
