//go:build cgo && !linux

package session

// pinned returns nil: only on Linux is CUDA's runtime looked up.
func pinned(int) (memory []uint8, free func()) { return nil, nil }
