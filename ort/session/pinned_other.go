//go:build cgo && !linux

package session

// pinned returns nil: elsewhere CUDA's runtime is not looked for.
func pinned(int) (memory []uint8, free func()) { return nil, nil }
