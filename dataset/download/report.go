package download

import (
	"io"

	"onnxlab/internal/terminal"
)

// transfer shows a download of total bytes, -1 if that is not known, of which
// have are there: a bar on a terminal, one line elsewhere. What arrives is
// written to shown; done ends it.
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
	// A terminal that is gone is no failure.
	_ = bar.Set64(have)
	return bar, func() { _ = bar.Clear() }
}
