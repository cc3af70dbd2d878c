//go:build cgo && !linux

package library

// preloadCUDA does nothing: on Windows the loader looks in the folders that
// CUDA's installers add to PATH, and macOS has no CUDA.
func preloadCUDA(string) error { return nil }
