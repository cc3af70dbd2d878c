//go:build !unix

package sysmem

// Peak returns the most bytes of memory that the process has had, or 0 where the system
// does not tell.
func Peak() int64 { return 0 }
