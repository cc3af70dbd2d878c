package gorun

import (
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// parallel calls work for 0..n-1, on as many goroutines as there are
// processors. A panic there would end the process; here it is an error.
func parallel(n int, work func(i int)) error {
	if n == 1 {
		work(0)
		return nil
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		group.Go(func() (err error) {
			defer recovered(&err)
			work(i)
			return nil
		})
	}
	return group.Wait()
}

// recovered makes a panic the error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v", p)
	}
}
