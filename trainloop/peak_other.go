//go:build !unix

package trainloop

// PeakBytes is the most memory that the process has had, or 0 where the
// system does not tell.
func PeakBytes() int64 { return 0 }
