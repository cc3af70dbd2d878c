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

// driverLibrary is part of NVIDIA's driver, not of CUDA. CUDA opens it itself.
const driverLibrary = "libcuda.so.1"

// CUDAInfo tells what there is of a library's CUDA support.
type CUDAInfo struct {
	// Provider is the path of the CUDA provider; empty if the library is one
	// for the CPU alone.
	Provider string `json:"provider,omitempty"`
	// Found are the paths of the CUDA and cuDNN libraries that the provider
	// needs, in the order it names them.
	Found []string `json:"found,omitempty"`
	// Missing are the names of those that were not found anywhere.
	Missing []string `json:"missing,omitempty"`
}

// usable tells whether the provider and everything it needs is there.
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

// require is nil if the library that c was found for can use the device
// "cuda"; else it says what is missing.
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

// cudaHint says where missing libraries come from.
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

// pythonPackages are NVIDIA's packages that hold missing libraries in a folder
// nvidia/*/lib, which [machine.pythonFolders] looks into. From CUDA 13 on only
// that of cuDNN has CUDA's version in its name.
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

// cudaNeeds are the CUDA and cuDNN libraries that a provider is linked to, and
// the driver. A name has the version in it, such as libcudart.so.13.
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

// withPrefix are the names that start with prefix.
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
