// Package parallel spreads work over all cores.
package parallel

import (
	"cmp"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Chunks cuts from..to-1 into chunks of at most size elements and calls do for each
// of them, on all cores. Every chunk is run; the error is that of the first chunk
// that has one.
func Chunks(from, to, size int, do func(from, to int) error) error {
	errs := make([]error, (to-from+size-1)/size)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for k := range errs {
		group.Go(func() error {
			first := from + k*size
			errs[k] = do(first, min(first+size, to))
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return cmp.Or(errs...)
}
