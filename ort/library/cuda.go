package library

import (
	"cmp"
	"debug/elf"
	"debug/pe"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// driverLibrary is a part of NVIDIA's driver, not of CUDA. CUDA itself opens it.
const driverLibrary = "libcuda.so.1"

// CUDAInfo describes the CUDA support of a library on this machine.
type CUDAInfo struct {
	// Provider is the path of the CUDA provider; empty if the library is only
	// for the CPU.
	Provider string `json:"provider,omitempty"`
	// Found are the paths of the CUDA and cuDNN libraries that the provider
	// needs, in the order it names them.
	Found []string `json:"found,omitempty"`
	// Missing are the names of the needed libraries that were not found.
	Missing []string `json:"missing,omitempty"`
}

// usable tells whether the provider and everything that it needs are there.
func (c CUDAInfo) usable() bool { return c.Provider != "" && len(c.Missing) == 0 }

// inspectCUDA looks for the CUDA provider beside a library and for what it
// needs on this machine.
func inspectCUDA(library string) (CUDAInfo, error) {
	provider := filepath.Join(filepath.Dir(library), namingOf(runtime.GOOS).cuda)
	if _, err := os.Stat(provider); errors.Is(err, fs.ErrNotExist) {
		return CUDAInfo{}, nil
	}
	needed, err := cudaNeeds(provider)
	if err != nil {
		return CUDAInfo{}, fmt.Errorf("read %q: %w", provider, err)
	}
	found, missing := findIn(thisMachine().folders(), needed)
	return CUDAInfo{Provider: provider, Found: found, Missing: missing}, nil
}

// require returns nil if the library that c describes can use the device "cuda",
// or an error that says what is missing.
func (c CUDAInfo) require(library string) error {
	switch {
	case c.Provider == "":
		return &Error{
			Path: library, Err: fmt.Errorf("it has no CUDA provider, %s, beside it", namingOf(runtime.GOOS).cuda),
			Hint: "run 'pipeline runtime install --device cuda', or set runtime.device to cpu",
		}
	case len(c.Missing) > 0:
		return &Error{
			Path: library, Err: fmt.Errorf("its CUDA provider needs %s, not found on this machine", strings.Join(c.Missing, ", ")),
			Hint: cudaHint(c.Missing),
		}
	}
	return nil
}

// cudaHint says where to get missing libraries.
func cudaHint(missing []string) string {
	var hints []string
	if slices.Contains(missing, driverLibrary) {
		hints = append(hints, driverLibrary+" comes with NVIDIA's driver")
	}
	if len(missing) > len(hints) {
		hints = append(hints, "install CUDA and cuDNN of the versions in these names, and set CUDA_HOME or LD_LIBRARY_PATH to them")
		if packages := pythonPackages(missing); len(packages) > 0 {
			hints = append(hints, fmt.Sprintf("or run 'pip install %s' in a Python environment and activate it", strings.Join(packages, " ")))
		}
	}
	return strings.Join(append(hints, "or set runtime.device to cpu"), "; ")
}

// pythonPackages returns NVIDIA's Python packages that contain missing libraries, in
// a folder nvidia/*/lib, where [machine.pythonFolders] finds them. From CUDA 13 on,
// only the package of cuDNN has the version of CUDA in its name.
func pythonPackages(missing []string) (packages []string) {
	suffix := ""
	if slices.ContainsFunc(missing, func(name string) bool { return strings.HasSuffix(name, ".so.12") }) {
		suffix = "-cu12"
	}
	for _, p := range []struct{ library, name string }{
		{"libcublas", "nvidia-cublas" + suffix},
		{"libcudart", "nvidia-cuda-runtime" + suffix},
		{"libcudnn", "nvidia-cudnn" + cmp.Or(suffix, "-cu13")},
	} {
		if slices.ContainsFunc(missing, func(name string) bool { return strings.HasPrefix(name, p.library) }) {
			packages = append(packages, p.name)
		}
	}
	return packages
}

// cudaNeeds returns the names of the CUDA and cuDNN libraries that a provider is
// linked to, and of the driver. The names include versions: libcudart.so.13.
func cudaNeeds(provider string) ([]string, error) {
	if runtime.GOOS == "windows" {
		file, err := pe.Open(provider)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		imported, err := file.ImportedLibraries()
		return withPrefix(imported, "cu"), err
	}
	file, err := elf.Open(provider)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	imported, err := file.ImportedLibraries()
	return append(withPrefix(imported, "libcu"), driverLibrary), err
}

// withPrefix returns the names that start with prefix.
func withPrefix(names []string, prefix string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

// findIn looks for each name in the folders, in order.
func findIn(folders, names []string) (found, missing []string) {
	for _, name := range names {
		in := slices.IndexFunc(folders, func(folder string) bool {
			info, err := os.Stat(filepath.Join(folder, name))
			return err == nil && info.Mode().IsRegular()
		})
		if in < 0 {
			missing = append(missing, name)
			continue
		}
		found = append(found, filepath.Join(folders[in], name))
	}
	return found, missing
}
