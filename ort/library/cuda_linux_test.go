//go:build cgo

package library

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// compileEmpty makes an empty shared library.
func compileEmpty(t *testing.T, path string, arguments ...string) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "empty.c")
	writeFile(t, source, "")
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	arguments = append([]string{"-shared", "-fPIC", "-Wl,--no-as-needed", "-o", path, source}, arguments...)
	if output, err := exec.Command(compiler, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
}

// TestPreloadCUDA has a provider that needs a library from a Python environment, where
// the loader does not look.
func TestPreloadCUDA(t *testing.T) {
	const runtimeName = "libcudart.so.13"
	environment := t.TempDir()
	t.Setenv("VIRTUAL_ENV", environment)
	folder := filepath.Join(environment, "lib", "python3.12", "site-packages", "nvidia", "cu13", "lib")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	needed := filepath.Join(folder, runtimeName)
	compileEmpty(t, needed, "-Wl,-soname,"+runtimeName)
	library := filepath.Join(t.TempDir(), mainName)
	provider := filepath.Join(filepath.Dir(library), namingOf("linux").cuda)
	compileEmpty(t, provider, "-L"+folder, "-l:"+runtimeName)

	names, err := cudaNeeds(provider)
	if err != nil || !slices.Equal(names, []string{runtimeName, driverLibrary}) {
		t.Errorf("the provider needs %q, error %v", names, err)
	}
	info, err := inspectCUDA(library)
	if err != nil || info.Provider != provider || !slices.Contains(info.Found, needed) {
		t.Errorf("info is %+v, error %v", info, err)
	}
	if err := preloadCUDA(library); err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil || !strings.Contains(string(maps), needed) {
		t.Errorf("%s is not loaded, error %v", needed, err)
	}
}
