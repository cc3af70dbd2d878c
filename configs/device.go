package configs

import (
	"fmt"
	"slices"
	"strings"
)

// Device is the hardware that does the arithmetic of a run. The zero value means CPU.
type Device string

// The devices.
const (
	CPU  Device = "cpu"
	CUDA Device = "cuda" // an NVIDIA GPU
)

// Precision is the type of images and their gradients during training.
type Precision string

// The precisions.
const (
	Float32      Precision = "float32"
	MixedFloat16 Precision = "mixed_float16"
)

// The execution providers of ONNX Runtime.
const (
	ProviderCPU  = "CPUExecutionProvider"
	ProviderCUDA = "CUDAExecutionProvider"
)

// Traits has the properties of a device. Its zero value is not a device: take it from
// [Device.Traits].
type Traits struct {
	// Kind is its common name: CPU or GPU.
	Kind string
	// Target is what graphs are lowered to for the device: one of the targets of package
	// onnxmodels.
	Target string
	// Provider is the execution provider. That of the CPU has the kernels of package
	// ort/kernels; with any other, operators that it lacks run on the CPU.
	Provider string
	// Precisions has the precisions in which the device can train. TF32 reports whether it
	// can also round the factors of products to TF32.
	Precisions []Precision
	TF32       bool
	// WholeBatch lets a whole batch through the network at once unless the settings say
	// otherwise, for devices that are faster with more work. On other devices one replica
	// goes through at a time, which saves memory and suits caches.
	WholeBatch bool
	// OwnMemory reports that the device does not use the system's memory. The memory that a
	// step needs is then not compared with that of the system, and batches are copied from
	// page-locked memory.
	OwnMemory bool
	// Exclusive reports that one run uses the whole device, so that a sweep trains one cell
	// at a time.
	Exclusive bool
	// Tried reports that only opening a session shows whether the device exists at all, so
	// that one is opened before work begins.
	Tried bool
	// ThreadBound reports that sessions keep memory for each thread that calls them, so
	// that each session gets its own thread.
	ThreadBound bool
}

// devices is the table of devices.
var devices = []struct {
	device Device
	Traits
}{
	{CPU, Traits{
		Kind: "CPU", Target: "native", Provider: ProviderCPU,
		Precisions: []Precision{Float32},
	}},
	{CUDA, Traits{
		Kind: "GPU", Target: "cuda", Provider: ProviderCUDA,
		Precisions: []Precision{Float32, MixedFloat16}, TF32: true,
		WholeBatch: true, OwnMemory: true, Exclusive: true, Tried: true, ThreadBound: true,
	}},
}

// Devices returns all devices.
func Devices() []Device {
	var list []Device
	for _, d := range devices {
		list = append(list, d.device)
	}
	return list
}

// Traits returns the properties of the device. For an unknown device, for which Check
// returns an error, they are those of the CPU.
func (d Device) Traits() Traits {
	for _, row := range devices {
		if row.device == d {
			return row.Traits
		}
	}
	return devices[0].Traits
}

// Check returns an error if there is no such device.
func (d Device) Check() error {
	if d == "" || slices.Contains(Devices(), d) {
		return nil
	}
	var names []string
	for _, known := range Devices() {
		names = append(names, fmt.Sprintf("%q", known))
	}
	return fmt.Errorf("%q is not %s", d, strings.Join(names, " or "))
}

// trains reports whether the device can train in the precision.
func (d Device) trains(p Precision) bool { return slices.Contains(d.Traits().Precisions, p) }

// texts converts names to strings.
func texts[T ~string](names []T) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = string(name)
	}
	return list
}
