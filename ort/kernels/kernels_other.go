//go:build !cgo || windows || (!amd64 && !arm64)

package kernels

// Block returns 0, since this build has no kernels.
func Block() int { return 0 }
