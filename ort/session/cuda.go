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
	// exhaustive times all algorithms on the first step. That takes seconds, once for
	// each convolution and shape, but a training session has the same shapes in all
	// of its thousands of steps.
	exhaustive search = "EXHAUSTIVE"
	// heuristic asks cuDNN's heuristics. A new inference session is made after each
	// epoch. It runs only a few batches, and the last one has another shape, so a
	// search would take longer than it saves.
	heuristic search = "HEURISTIC"
)

// cudaSettings are the options of the CUDA provider; see "CUDA Execution
// Provider, configuration options" in ONNX Runtime's documentation.
func (o Options) cudaSettings(how search) map[string]string {
	settings := map[string]string{
		"use_tf32":               "0",
		"cudnn_conv_algo_search": string(how),
		// Without this, only algorithms with a workspace below 32 MB are tried. The
		// fast ones need more for batches of hundreds of images.
		"cudnn_conv_use_max_workspace": "1",
		// By default, the arena grows to the next power of two each time that memory runs
		// out: a step of 200 images of the default network then takes 1.14 GB instead of
		// 0.70 GB.
		"arena_extend_strategy": "kSameAsRequested",
	}
	if o.TF32 {
		settings["use_tf32"] = "1"
	}
	return settings
}

// applyCUDA sets s so that its sessions run on the GPU.
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

// Check returns an error if sessions with these options cannot be made at all. For a GPU
// it makes a session of a model that only negates a number, because a missing GPU shows
// only then. In that case the error is a [*DeviceError].
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

// failure matches the part of ONNX Runtime's message that says which call of NVIDIA's
// libraries failed, without the names of functions and files around it: "... CUDA failure
// 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=..."
var failure = regexp.MustCompile(`(CUDA|CUDNN|CUBLAS) failure \d+: [^;]*[^; ]`)

// blame makes a DeviceError of an error that the GPU caused. It looks at the message,
// because ONNX Runtime has no error code for that.
func (o Options) blame(err error) error {
	if err == nil || o.Device.Traits().Provider != configs.ProviderCUDA {
		return err
	}
	if text := failure.FindString(err.Error()); text != "" {
		return &DeviceError{o.Device, errors.New(text)}
	}
	return err
}
