//go:build !cgo || !(linux || darwin)

package onstack

// Keep calls load and returns its error. Without cgo, and on other systems than Linux and macOS,
// load cannot replace Go's signal handlers, so there is nothing to restore.
func Keep(load func() error) error { return load() }
