//go:build cgo && (windows || (!amd64 && !arm64))

package kernels

import ort "github.com/yalue/onnxruntime_go"

// Add does nothing, since this build has no kernels.
func Add(string, *ort.SessionOptions) error { return nil }
