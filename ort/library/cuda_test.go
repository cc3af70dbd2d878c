package library

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// fakeMachine returns a Linux machine whose root is a temporary folder with the files.
// In the values of env, "/" at the start of a path stands for that folder.
func fakeMachine(t *testing.T, env map[string]string, files ...string) machine {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root [1]")
	for _, file := range files {
		name, content, _ := strings.Cut(file, "=")
		writeFile(t, filepath.Join(root, name), content)
	}
	return machine{goos: "linux", root: root, getenv: func(name string) string {
		paths := filepath.SplitList(env[name])
		for i, path := range paths {
			paths[i] = filepath.Join(root, path)
		}
		return strings.Join(paths, string(filepath.ListSeparator))
	}}
}

// cudaNames are the libraries that the provider of the pinned build needs.
var cudaNames = []string{"libcublasLt.so.13", "libcublas.so.13", "libcudart.so.13", "libcudnn.so.9", "libcuda.so.1"}

func TestFindCUDA(t *testing.T) {
	tests := map[string]struct {
		env     map[string]string
		python  string
		files   []string
		found   []string
		missing []string
	}{
		"nothing": {missing: cudaNames},
		"packages of the distribution": {
			files: []string{"usr/lib/x86_64-linux-gnu/libcuda.so.1", "usr/lib64/libcudnn.so.9", "usr/lib64/libcudart.so.12"},
			found: []string{"usr/lib64/libcudnn.so.9", "usr/lib/x86_64-linux-gnu/libcuda.so.1"},
			missing: []string{
				"libcublasLt.so.13", "libcublas.so.13", "libcudart.so.13",
			},
		},
		"ldconfig": {
			files: []string{
				"etc/ld.so.conf=# comment\ninclude ld.so.conf.d/*.conf\n/opt/one # more\n",
				"etc/ld.so.conf.d/two.conf=/opt/two\ninclude /etc/three.conf\n",
				"etc/three.conf=/opt/three\ninclude /etc/three.conf\ninclude [\n",
				"opt/one/libcudart.so.13", "opt/two/libcudnn.so.9", "opt/three/libcublas.so.13",
			},
			found:   []string{"opt/three/libcublas.so.13", "opt/one/libcudart.so.13", "opt/two/libcudnn.so.9"},
			missing: []string{"libcublasLt.so.13", "libcuda.so.1"},
		},
		"LD_LIBRARY_PATH first": {
			env:     map[string]string{"LD_LIBRARY_PATH": "/mine:/other", "CUDA_HOME": "/cuda"},
			files:   []string{"other/libcudart.so.13", "cuda/lib64/libcudart.so.13", "cuda/lib64/libcublas.so.13"},
			found:   []string{"cuda/lib64/libcublas.so.13", "other/libcudart.so.13"},
			missing: []string{"libcublasLt.so.13", "libcudnn.so.9", "libcuda.so.1"},
		},
		"installations of CUDA": {
			env: map[string]string{"CUDA_PATH": "/cuda"},
			files: []string{
				"usr/local/cuda-12.9/lib64/libcudnn.so.9", "usr/local/cuda-13.0/lib64/libcudnn.so.9",
				"usr/local/cuda/targets/x86_64-linux/lib/libcudart.so.13", "cuda/lib/libcublas.so.13",
			},
			found: []string{
				"cuda/lib/libcublas.so.13", "usr/local/cuda/targets/x86_64-linux/lib/libcudart.so.13",
				"usr/local/cuda-13.0/lib64/libcudnn.so.9",
			},
			missing: []string{"libcublasLt.so.13", "libcuda.so.1"},
		},
		"Python environments": {
			env:    map[string]string{"VIRTUAL_ENV": "/venv", "CONDA_PREFIX": "/conda", "HOME": "/home/me"},
			python: "env/bin/python3",
			files: []string{
				"venv/lib/python3.12/site-packages/nvidia/cu13/lib/libcudart.so.13",
				"env/lib/python3.13/site-packages/nvidia/cu13/lib/libcublas.so.13",
				"home/me/.local/lib/python3.13/site-packages/nvidia/cudnn/lib/libcudnn.so.9",
				"usr/lib/python3/dist-packages/nvidia/driver/lib/libcuda.so.1",
				"conda/lib/libcublasLt.so.13",
			},
			found: []string{
				"conda/lib/libcublasLt.so.13",
				"env/lib/python3.13/site-packages/nvidia/cu13/lib/libcublas.so.13",
				"venv/lib/python3.12/site-packages/nvidia/cu13/lib/libcudart.so.13",
				"home/me/.local/lib/python3.13/site-packages/nvidia/cudnn/lib/libcudnn.so.9",
				"usr/lib/python3/dist-packages/nvidia/driver/lib/libcuda.so.1",
			},
		},
		"a folder of that name": {
			files: []string{"usr/lib64/libcudart.so.13/file"}, missing: cudaNames,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := fakeMachine(t, test.env, test.files...)
			if test.python != "" {
				m.python = filepath.Join(m.root, test.python)
			}
			found, missing := findIn(m.folders(), cudaNames)
			for i, path := range found {
				found[i], _ = filepath.Rel(m.root, path)
			}
			if !slices.Equal(found, test.found) || !slices.Equal(missing, test.missing) {
				t.Errorf("found   %q\nwant    %q\nmissing %q\nwant    %q", found, test.found, missing, test.missing)
			}
		})
	}
}

func TestCUDAIsRequired(t *testing.T) {
	for _, test := range []struct {
		info CUDAInfo
		want []string
	}{
		{CUDAInfo{}, []string{"no CUDA provider", "'pipeline runtime install --device cuda'", "runtime.device to cpu"}},
		{CUDAInfo{Provider: "p", Missing: []string{"libcudart.so.13", "libcudnn.so.9"}}, []string{
			"needs libcudart.so.13, libcudnn.so.9, not found", "install CUDA and cuDNN", "CUDA_HOME",
			"'pip install nvidia-cuda-runtime nvidia-cudnn-cu13' in a Python environment",
		}},
		{CUDAInfo{Provider: "p", Missing: []string{"libcublasLt.so.12", "libcudnn.so.9"}}, []string{
			"'pip install nvidia-cublas-cu12 nvidia-cudnn-cu12'",
		}},
		{CUDAInfo{Provider: "p", Missing: []string{driverLibrary}}, []string{"comes with NVIDIA's driver; or set"}},
	} {
		err := test.info.require("library")
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: error is %v, want %q in it", test.info, err, want)
			}
		}
		if test.info.usable() {
			t.Errorf("%+v is said to be usable", test.info)
		}
	}
	whole := CUDAInfo{Provider: "p", Found: cudaNames}
	if err := whole.require("library"); err != nil || !whole.usable() {
		t.Errorf("a whole installation is refused: %v", err)
	}
}

func TestInspectCUDARefusesADamagedProvider(t *testing.T) {
	dir := t.TempDir()
	library := filepath.Join(dir, mainName)
	if info, err := inspectCUDA(library); err != nil || info.Provider != "" {
		t.Errorf("without a provider: %+v, error %v", info, err)
	}
	writeFile(t, filepath.Join(dir, namingOf(runtime.GOOS).cuda), "\x7fELF and no more")
	if _, err := inspectCUDA(library); err == nil {
		t.Error("a damaged provider is not noticed")
	}
}
