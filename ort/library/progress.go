package library

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"onnxlab/internal/terminal"
)

// showDownload shows a download of b into dir until stop is called: a bar on a
// terminal, one line elsewhere.
func showDownload(r terminal.Reporter, b build, dir string) (stop func()) {
	bar := r.Bar("fetching ONNX Runtime", b.bytes)
	if bar == nil {
		r.Line("fetching %s (%d MB) with Maven", b.coordinates(), b.bytes/1e6)
		return func() {}
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { followFile(bar, b, dir, done) })
	return func() {
		close(done)
		group.Wait()
		_ = bar.Finish() // it does not matter if the terminal has been closed
	}
}

// followFile moves the bar as the file grows. Maven does not report its progress and
// downloads into its own repository first, so followFile looks there too. If the
// repository is not in its usual place, the bar stays at 0 until the end.
func followFile(bar *progressbar.ProgressBar, b build, dir string, done <-chan struct{}) {
	places := []string{dir}
	if home, err := os.UserHomeDir(); err == nil {
		places = append(places, filepath.Join(home, ".m2", "repository", "org", "bytedeco", "onnxruntime", pinnedVersion))
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			// The bar becomes full only when Maven ends, even if all bytes are there.
			_ = bar.Set64(min(largestPart(places, b.jarName()), b.bytes-1))
		}
	}
}

// largestPart returns the size of the largest file in the folders places whose name
// contains name. Unfinished downloads have a suffix.
func largestPart(places []string, name string) int64 {
	var largest int64
	for _, place := range places {
		entries, err := os.ReadDir(place)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			largest = max(largest, partBytes(entry, name))
		}
	}
	return largest
}

func partBytes(entry fs.DirEntry, name string) int64 {
	if !strings.Contains(entry.Name(), name) {
		return 0
	}
	info, err := entry.Info()
	if err != nil {
		return 0
	}
	return info.Size()
}
