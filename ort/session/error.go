package session

import (
	"fmt"

	"onnxlab/configs"
	"onnxlab/ort/library"
)

// DeviceError says that the device of a session cannot be used: there is no
// GPU, or its driver or its libraries do not go together.
type DeviceError struct {
	// Device is that of the Options.
	Device configs.Device
	Err    error
}

// Error is the cause and what to do about it.
func (e *DeviceError) Error() string {
	return fmt.Sprintf("use runtime.device %s: %v; 'pipeline runtime info --device %s' tells what there is, or set runtime.device to cpu",
		e.Device, e.Err, e.Device)
}

// Unwrap is the cause.
func (e *DeviceError) Unwrap() error { return e.Err }

// Error says that ONNX Runtime's library, or a file that should hold
// it, is missing, damaged or not what is needed: Path names it, Err is the
// cause, and Hint, if it is not empty, is what to do.
type Error = library.Error
