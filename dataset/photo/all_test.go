package photo

import (
	"context"
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
)

// largeAndSmall returns the paths of four large pictures and some others, the fourth of
// which is broken.
func largeAndSmall(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	large, small := encode(t, plain(300, 200, color.NRGBA{1, 2, 3, 255})), encode(t, plain(2, 2, color.NRGBA{1, 2, 3, 255}))
	var paths []string
	for i, data := range [][]byte{large, large, small, []byte("no image"), large, small, large} {
		paths = append(paths, filepath.Join(dir, fmt.Sprintf("%d.png", i)))
		if err := os.WriteFile(paths[i], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// TestTakeTurns checks that no more pictures are decoded at once than there is room for,
// and that one that needs more than all the room is decoded alone.
func TestTakeTurns(t *testing.T) {
	const bytes = 300 * 200 * 12 // of a large picture
	for size, most := range map[int64]int64{2*bytes + 100: 2, bytes: 1, bytes / 2: 1} {
		r := reader{OpenFile, Limits{}, size, semaphore.NewWeighted(size)}
		var there, seen atomic.Int64
		var mu sync.Mutex
		var bad []int
		err := r.readAll(t.Context(), largeAndSmall(t), func(i int, p *Photo, err error) error {
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				bad = append(bad, i)
				return nil
			}
			seen.Add(1)
			if height, _ := p.Size(); height == 200 {
				if now := there.Add(1); now > most {
					t.Errorf("room for %d: %d are there at once", most, now)
				}
				time.Sleep(10 * time.Millisecond)
				there.Add(-1)
			}
			return nil
		})
		if err != nil || seen.Load() != 6 || !slices.Equal(bad, []int{3}) {
			t.Errorf("%d were read, bad are %v, error %v", seen.Load(), bad, err)
		}
	}
}

// TestReadAllStops checks that ReadAll stops when use returns an error, and when the
// context is done.
func TestReadAllStops(t *testing.T) {
	paths := largeAndSmall(t)
	last := errors.New("that will do")
	if err := ReadAll(t.Context(), OpenFile, paths, Limits{}, func(int, *Photo, error) error { return last }); err != last {
		t.Errorf("error %v, want that of use", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := ReadAll(ctx, OpenFile, paths, Limits{}, func(int, *Photo, error) error { return errors.New("used") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}
