//go:build !linux

package allocation

// affinity does not know.
func affinity() []int { return nil }
