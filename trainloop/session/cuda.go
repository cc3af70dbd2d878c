//go:build cgo

package session

import (
	"fmt"

	ort "github.com/yalue/onnxruntime_go"
)

// search is how cuDNN picks the algorithm of a convolution.
type search string

const (
	// exhaustive times all of them on the first step: seconds, once for each
	// convolution and shape, and a training session has one shape for all of
	// its thousands of steps.
	exhaustive search = "EXHAUSTIVE"
	// heuristic asks cuDNN's table. An inference model is made anew after each
	// epoch, runs a few batches, and its last batch has a shape of its own: a
	// search would take longer than what it saves.
	heuristic search = "HEURISTIC"
)

// cudaSettings are the options of the CUDA provider; see "CUDA Execution
// Provider, configuration options" in ONNX Runtime's documentation.
func (o Options) cudaSettings(how search) map[string]string {
	settings := map[string]string{
		"use_tf32":               "0",
		"cudnn_conv_algo_search": string(how),
		// Without this only algorithms that need less than 32 MB besides are
		// tried, which the fast ones for batches of hundreds exceed.
		"cudnn_conv_use_max_workspace": "1",
	}
	if o.TF32 {
		settings["use_tf32"] = "1"
	}
	return settings
}

// applyCUDA makes sessions of s run on the GPU.
func (o Options) applyCUDA(s *ort.SessionOptions, how search) error {
	cuda, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return fmt.Errorf("use CUDA: %w (pipeline runtime install --device cuda gets a library that has it)", err)
	}
	defer cuda.Destroy() //nolint:errcheck // only frees memory
	if err := cuda.Update(o.cudaSettings(how)); err != nil {
		return fmt.Errorf("use CUDA: %w", err)
	}
	return s.AppendExecutionProviderCUDA(cuda)
}
