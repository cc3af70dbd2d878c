// Package librarytest gives tests the ONNX Runtime library.
package librarytest

import (
	"cmp"
	"os"
	"testing"

	"onnxlab/configs"
	"onnxlab/ort/library"
)

// EnvDevice is the environment variable that makes tests of GPU code use a GPU, if it is
// "cuda". Otherwise they run on the CPU.
const EnvDevice = "ONNXLAB_TEST_DEVICE"

// Device returns the device on which tests of GPU code run.
func Device() configs.Device { return cmp.Or(configs.Device(os.Getenv(EnvDevice)), configs.CPU) }

// Path returns the library for the CPU, and fetches it if it is not there yet. If that is not
// possible the test fails; it is not skipped.
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

// Open opens the library for [Device] for the rest of the test. Every library can also run on
// the CPU.
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
