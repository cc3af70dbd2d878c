//go:build !unix

package sysmem

// Peak returns the most bytes of memory that the process has used. It is 0 if the
// system does not say.
func Peak() int64 { return 0 }
