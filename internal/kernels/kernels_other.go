//go:build !cgo || !amd64 || windows

package kernels

// Block is 0: this build has no kernels.
func Block() int { return 0 }
