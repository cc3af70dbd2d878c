//go:build !linux

package allocation

// affinity returns nil: this system does not say which processors the process
// may use.
func affinity() []int { return nil }
