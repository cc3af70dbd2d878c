package trainloop

import (
	"context"
	"errors"
	"sync"
	"time"

	"onnxlab/internal/durable"
)

// lock keeps other processes out of the directory. If another process is in it, lock waits
// until that one leaves or patience has passed. With ask, it asks the other process to
// leave.
func lock(ctx context.Context, dir string, patience time.Duration, ask bool) (unlock func() error, err error) {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var asked error
	unlock, err = durable.LockWait(patient, dir, func(durable.Holder) {
		if ask {
			asked = durable.Ask(dir)
		}
	})
	switch {
	case err == nil && ask: // drops requests of processes that asked before
		if err = durable.ClearAsked(dir); err != nil {
			return nil, errors.Join(err, unlock())
		}
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		if unlock, err = durable.Lock(dir); err != nil { // this error names the process that holds the lock
			err = errors.Join(err, asked)
		}
	}
	return unlock, err
}

// untilAsked returns a context that is cancelled when another process asks for the
// directory, which the caller has locked.
func untilAsked(ctx context.Context, dir string) (_ context.Context, stop func()) {
	const often = 2 * time.Second
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		ticks := time.NewTicker(often)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				if durable.Asked(dir) {
					cancel()
				}
			}
		}
	})
	return ctx, func() { cancel(); group.Wait() }
}
