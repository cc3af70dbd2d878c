//go:build cgo

package session

import (
	"errors"
	"regexp"

	ort "github.com/yalue/onnxruntime_go"

	"onnxlab/configs"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
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
		// The default takes the next power of two each time that memory runs out:
		// 1.14 GB in place of 0.70 for a step of 200 images at the study's widths.
		"arena_extend_strategy": "kSameAsRequested",
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
		return err
	}
	defer cuda.Destroy() // only frees memory
	if err := cuda.Update(o.cudaSettings(how)); err != nil {
		return err
	}
	return s.AppendExecutionProviderCUDA(cuda)
}

// Check tells whether sessions of the options can be made at all. For a GPU it
// makes one, of a model that only negates a number: that there is no GPU shows
// no sooner. The error then is a [*DeviceError].
func Check(o Options) error {
	if !o.Device.Traits().Tried {
		return o.check()
	}
	g := op.On(graph.New("check"))
	x := g.Input("x", graph.Float, graph.Static(1))
	y := g.Unary("Neg", "y", x)
	g.Output(y)
	m, err := g.Model()
	if err != nil {
		return err
	}
	data, err := modelfile.Marshal(m)
	if err != nil {
		return err
	}
	return o.start(heuristic, func(options *ort.SessionOptions) error {
		s, err := ort.NewDynamicAdvancedSessionWithONNXData(data, []string{x.Name}, []string{y.Name}, options)
		if err != nil {
			return err
		}
		return s.Destroy()
	})
}

// failure is what ONNX Runtime says of a call of NVIDIA's that failed, between
// the names of its functions and files: "... CUDA failure 100: no CUDA-capable
// device is detected ; GPU=-1 ; hostname=..."
var failure = regexp.MustCompile(`(CUDA|CUDNN|CUBLAS) failure \d+: [^;]*[^; ]`)

// blame makes a DeviceError of an error whose cause the GPU is, for which ONNX
// Runtime has no code of its own.
func (o Options) blame(err error) error {
	if err == nil || o.Device.Traits().Provider != configs.ProviderCUDA {
		return err
	}
	if text := failure.FindString(err.Error()); text != "" {
		return &DeviceError{o.Device, errors.New(text)}
	}
	return err
}
