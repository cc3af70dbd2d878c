package terminal

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
)

// Reporter reports progress to the user. Without a writer it is silent.
type Reporter struct{ W io.Writer }

// Line prints one line.
func (r Reporter) Line(format string, args ...any) {
	if r.W != nil {
		fmt.Fprintf(r.W, format+"\n", args...)
	}
}

// Bar returns a progress bar for total bytes, -1 if the total is not known. The bar is as
// wide as the terminal and disappears at the end. If the writer is not a terminal, Bar
// returns nil.
func (r Reporter) Bar(description string, total int64) *progressbar.ProgressBar {
	screen, ok := Of(r.W)
	if !ok {
		return nil
	}
	const figures = "  100% ||  (999 MB/s) [10m10s:10m10s]"
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(screen),
		progressbar.OptionSetDescription(description),
		progressbar.OptionShowBytes(true),
		// OptionFullWidth would take 80 columns, because a Screen is not an *os.File.
		progressbar.OptionSetWidth(screen.BarWidth(utf8.RuneCountInString(description)+len(figures))),
		// Without a total there is a spinner. It is drawn at once and only turns when bytes
		// arrive: a goroutine that turned it all the time would go on after the terminal is
		// closed.
		progressbar.OptionSetRenderBlankState(total < 0),
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionClearOnFinish())
}

// BarWidth returns the width of a bar beside text characters of text. It is never too
// narrow to be seen; the end of the text is cut off instead.
func (s *Screen) BarWidth(text int) int {
	const narrowest = 8
	return max(s.Columns()-text, narrowest)
}
