package session

import (
	"fmt"

	"onnxlab/configs"
	"onnxlab/ort/library"
)

// DeviceError says that the device of a session cannot be used: there is no
// GPU, or its driver does not fit its libraries.
type DeviceError struct {
	// Device is the device of the Options.
	Device configs.Device
	Err    error
}

// Error returns the cause and what to do about it.
func (e *DeviceError) Error() string {
	return fmt.Sprintf("use runtime.device %s: %v; run 'pipeline runtime info --device %s' to see what is missing, or set runtime.device to cpu",
		e.Device, e.Err, e.Device)
}

// Unwrap returns the cause.
func (e *DeviceError) Unwrap() error { return e.Err }

// Error says that ONNX Runtime's library, or a file that should contain
// it, is missing, damaged or of the wrong kind: Path names the file, Err is the
// cause, and Hint, if it is not empty, says what to do.
type Error = library.Error
