package dataset

import (
	"fmt"
	"io"

	"github.com/schollz/progressbar/v3"

	"onnxlab/internal/terminal"
)

// reporter tells the user what is going on. A nil writer keeps it silent.
type reporter struct{ w io.Writer }

// line prints one line.
func (r reporter) line(format string, args ...any) {
	if r.w != nil {
		fmt.Fprintf(r.w, format+"\n", args...)
	}
}

// transfer shows a download of total bytes, -1 if that is not known, of which
// have are there: a bar on a terminal, one line elsewhere. What arrives is
// written to shown; done ends it.
func (r reporter) transfer(what string, have, total int64) (shown io.Writer, done func()) {
	screen, ok := terminal.Of(r.w)
	if !ok {
		switch {
		case have > 0:
			r.line("fetching %s, from byte %d on", what, have)
		case total > 0:
			r.line("fetching %s, %.1f MB", what, float64(total)/1e6)
		default:
			r.line("fetching %s", what)
		}
		return io.Discard, func() {}
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(screen),
		progressbar.OptionSetDescription("fetching "+what),
		progressbar.OptionShowBytes(true),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish())
	// A terminal that is gone is no failure.
	_ = bar.Set64(have)
	return bar, func() { _ = bar.Clear() }
}
