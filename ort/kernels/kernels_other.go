//go:build !cgo || !amd64 || windows

package kernels

// Block returns 0, since this build has no kernels.
func Block() int { return 0 }
