// Package librarytest gives tests the ONNX Runtime library.
package librarytest

import (
	"cmp"
	"os"
	"testing"

	"onnxlab/configs"
	"onnxlab/ort/library"
)

// EnvDevice is the environment variable by which tests of what is for a GPU are
// told to use one: "cuda". Else they run on the CPU.
const EnvDevice = "ONNXLAB_TEST_DEVICE"

// Device is where tests of what is for a GPU run.
func Device() configs.Device { return cmp.Or(configs.Device(os.Getenv(EnvDevice)), configs.CPU) }

// Path is the library for the CPU, which is fetched if it is not there yet. A
// test that cannot have it fails: nothing is skipped.
func Path(t testing.TB) string {
	t.Helper()
	return path(t, configs.CPU)
}

func path(t testing.TB, device configs.Device) string {
	t.Helper()
	path, err := library.Ensure(t.Context(), library.Options{Device: device, Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Open opens the library for [Device], which is one for the CPU too, for the rest
// of the test.
func Open(t testing.TB) {
	t.Helper()
	if err := library.Open(path(t, Device())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := library.Close(); err != nil {
			t.Error(err)
		}
	})
}
