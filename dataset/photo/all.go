package photo

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// memoryAtOnce is the memory for all pictures that are decoded at the same time. A picture
// that takes more is decoded alone.
const memoryAtOnce = 512 << 20

// ReadAll opens the files with these names and reads them as [Read] does, on all cores. It
// calls use for each, from several goroutines and in any order, with the index of its name
// and, if it cannot be read, an error. It takes no more memory than 512 MB, or what the
// largest picture takes, however many pictures there are. If use returns an error, ReadAll
// stops and returns it.
func ReadAll(ctx context.Context, open Opener, names []string, limits Limits, use func(i int, p *Photo, err error) error) error {
	return reader{open, limits, memoryAtOnce, semaphore.NewWeighted(memoryAtOnce)}.readAll(ctx, names, use)
}

// reader reads files when there is enough room for decoding them.
type reader struct {
	open   Opener
	limits Limits
	size   int64 // the room in bytes
	room   *semaphore.Weighted
}

func (r reader) readAll(ctx context.Context, names []string, use func(i int, p *Photo, err error) error) error {
	return together(ctx, len(names), func(ctx context.Context, i int) error {
		p, done, err := r.readOne(ctx, names[i])
		defer done()
		if err := ctx.Err(); err != nil {
			return err
		}
		return use(i, p, err)
	})
}

// together calls work for 0..n-1 on all cores, until one returns an error or ctx ends.
func together(ctx context.Context, n int, work func(ctx context.Context, i int) error) error {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		if working.Err() != nil {
			break
		}
		group.Go(func() error { return work(working, i) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// readOne reads one file when there is room for it. done frees the room.
func (r reader) readOne(ctx context.Context, name string) (p *Photo, done func(), err error) {
	done = func() {}
	file, err := r.open(name)
	if err != nil {
		return nil, done, err
	}
	defer file.Close()
	h, err := checkHeader(file, r.limits)
	if err != nil {
		return nil, done, err
	}
	weight := min(h.decoding, r.size)
	if err := r.room.Acquire(ctx, weight); err != nil {
		return nil, done, err
	}
	done = func() { r.room.Release(weight) }
	p, err = decode(file, h)
	return p, done, err
}
