package library

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"

	"onnxlab/configs"
)

// Info describes the library that [Ensure] would return.
type Info struct {
	// Path is empty if no library is there yet.
	Path   string `json:"path"`
	Origin Origin `json:"origin"`
	// Source is what a library in the cache was unpacked from: Maven
	// coordinates or a path.
	Source  string `json:"source,omitempty"`
	Version string `json:"version"`
	// Training says that the library has the training API.
	Training bool `json:"training"`
	// CUDA says that all libraries for the device "cuda" are there.
	// CUDALibraries lists those that are missing.
	CUDA          bool     `json:"cuda"`
	CUDALibraries CUDAInfo `json:"cuda_libraries"`
	// GPUs are the GPUs of this machine; GPUError says why they are not known.
	GPUs     []GPU  `json:"gpus,omitempty"`
	GPUError string `json:"gpu_error,omitempty"`
	// Device is the device that the caller asked for. Platform is the build that it
	// needs on this machine.
	Device   configs.Device `json:"device"`
	Platform string         `json:"platform"`
	Cache    string         `json:"cache"`
	// Error says why the library cannot be used; empty if it can.
	Error string `json:"error,omitempty"`
}

// Describe finds the library without fetching it, checks the SHA-256 if it is in
// the cache, and opens it. The error says why the library cannot be used; the Info
// is as complete as possible even then.
func Describe(ctx context.Context, options Options) (Info, error) {
	info := Info{Device: cmp.Or(options.Device, configs.CPU)}
	var unknown error
	if info.GPUs, unknown = findGPUs(ctx); unknown != nil {
		info.GPUError = unknown.Error()
	}
	err := info.fill(options)
	if err != nil {
		info.Error = err.Error()
	}
	return info, err
}

func (info *Info) fill(options Options) error {
	b, c, err := options.resolve()
	if err == nil {
		info.Platform, info.Cache = b.classifier, c.root
	}
	library, err := find(options)
	info.Origin = library.Origin
	if errors.Is(err, errNotInstalled) {
		return &Error{Path: info.Cache, Err: err, Hint: "run 'pipeline runtime install'"}
	}
	if err != nil {
		return err
	}
	info.Path = library.Path
	if m := library.manifest; m != nil {
		info.Source = m.Source
		if err := m.checkHashes(filepath.Dir(library.Path)); err != nil {
			return &Error{Path: library.Path, Err: err, Hint: "run 'pipeline runtime install' to replace it"}
		}
	}
	if info.CUDALibraries, err = inspectCUDA(library.Path); err != nil {
		return &Error{Path: library.Path, Err: err}
	}
	info.CUDA = info.CUDALibraries.usable()
	if err := info.open(); err != nil {
		return err
	}
	if info.Device.Traits().Provider == configs.ProviderCUDA {
		return info.CUDALibraries.require(library.Path)
	}
	return nil
}

// open opens the library to find its version.
func (info *Info) open() error {
	if err := Open(info.Path); err != nil {
		return err
	}
	info.Version = Version()
	info.Training = true // Open refuses libraries without it
	return Close()
}
