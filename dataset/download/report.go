package download

import (
	"io"

	"onnxlab/internal/terminal"
)

// transfer shows the progress of a download of total bytes (-1 if not known): as a bar on a
// terminal, else as one line. The first `have` bytes are there already. The caller also writes
// the data that it receives to shown, and calls done at the end.
func transfer(r terminal.Reporter, what string, have, total int64) (shown io.Writer, done func()) {
	bar := r.Bar("fetching "+what, total)
	if bar == nil {
		switch {
		case have > 0:
			r.Line("fetching %s, from byte %d on", what, have)
		case total > 0:
			r.Line("fetching %s, %.1f MB", what, float64(total)/1e6)
		default:
			r.Line("fetching %s", what)
		}
		return io.Discard, func() {}
	}
	// It does not matter if the terminal has been closed.
	_ = bar.Set64(have)
	return bar, func() { _ = bar.Clear() }
}
