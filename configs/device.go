package configs

import (
	"fmt"
	"slices"
	"strings"
)

// Device is where the arithmetic of a run happens. The zero value stands for CPU.
type Device string

// The devices.
const (
	CPU  Device = "cpu"
	CUDA Device = "cuda" // a GPU of NVIDIA's
)

// Precision is what images and their gradients are while a network is trained.
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

// Traits are what a device means for everything else.
type Traits struct {
	// Kind is what people call it: CPU or GPU.
	Kind string
	// Target is the form of graphs that the device is fast at, one of package onnxmodels.
	Target string
	// Provider is the execution provider that computes. The CPU's has the kernels of
	// package ort/kernels; for any other, operators that it lacks fall back to the CPU.
	Provider string
	// Precisions are those that it can train in. TF32 tells whether it can also round the
	// factors of products to TF32.
	Precisions []Precision
	TF32       bool
	// WholeBatch lets a whole batch through the network at once where the settings leave
	// that open: the device is faster the more work it has. Otherwise one replica goes at
	// a time, which saves memory and suits caches.
	WholeBatch bool
	// OwnMemory tells that the device does not use the system's memory. What a step needs
	// is then not compared with what the system has, and batches are copied from memory
	// that is page-locked.
	OwnMemory bool
	// Exclusive tells that one run takes the whole device: a sweep trains one cell at a
	// time.
	Exclusive bool
	// Tried tells that only a session shows whether there is such a device at all, so that
	// one is made before work begins.
	Tried bool
	// ThreadBound tells that sessions keep memory for each thread that calls them, so that
	// each gets a thread of its own.
	ThreadBound bool
}

// devices is the one table of devices.
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

// Devices lists the devices.
func Devices() []Device {
	var list []Device
	for _, d := range devices {
		list = append(list, d.device)
	}
	return list
}

// Traits returns what the device means. Those of an unknown device, for which Check has an
// error, are the CPU's.
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
