//go:build !cgo || !(linux || darwin)

package onstack

// Keep calls load: there are no handlers that it could replace.
func Keep(load func() error) error { return load() }
