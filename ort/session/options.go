//go:build cgo

package session

import (
	"errors"

	ort "github.com/yalue/onnxruntime_go"

	"onnxlab/configs"
	"onnxlab/internal/allocation"
	"onnxlab/internal/onstack"
	"onnxlab/ort/kernels"
	"onnxlab/ort/library"
)

// Start calls create with the options in ONNX Runtime's type, for sessions that this package
// has no type for.
func (o Options) Start(create func(*ort.SessionOptions) error) error {
	return o.start(heuristic, create)
}

// start calls create with the options in ONNX Runtime's type. The first session on CUDA
// loads the provider, which replaces signal handlers: onstack.Keep restores ours, so that a
// signal can still stop the run.
func (o Options) start(s search, create func(*ort.SessionOptions) error) error {
	if err := o.check(); err != nil {
		return err
	}
	return onstack.Keep(func() error {
		options, err := o.native(s)
		if err != nil {
			return err
		}
		defer options.Destroy() // only frees memory
		return o.blame(kernels.Making(func() error { return create(options) }))
	})
}

// native returns the options in ONNX Runtime's type.
func (o Options) native(how search) (*ort.SessionOptions, error) {
	s, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	if err := o.apply(s, how); err != nil {
		return nil, errors.Join(err, s.Destroy())
	}
	return s, nil
}

func (o Options) apply(s *ort.SessionOptions, how search) error {
	threads := o.Threads
	if threads == 0 {
		// By itself ONNX Runtime would use all cores of the machine, and fail to bind
		// threads to those that the process may not use.
		threads = allocation.Threads()
	}
	if err := s.SetIntraOpNumThreads(threads); err != nil {
		return err
	}
	if o.Device.Traits().Provider == configs.ProviderCPU {
		return kernels.Add(library.Path(), s)
	}
	if err := o.applyCUDA(s, how); err != nil {
		return &DeviceError{o.Device, err}
	}
	return nil
}
