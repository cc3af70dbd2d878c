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

// Start calls create, which makes a session of the options as ONNX Runtime takes
// them, for sessions that this package has no type for.
func (o Options) Start(create func(*ort.SessionOptions) error) error {
	return o.start(heuristic, create)
}

// start calls create, which makes a session of the options. The first session
// on CUDA loads the provider, after which a signal still has to stop the run.
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

// native returns the options in ONNX Runtime's form.
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
		// Of part of a machine ONNX Runtime would take all cores, and fail to bind its
		// threads to those that are not the process's.
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
