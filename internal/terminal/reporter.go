package terminal

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
)

// Reporter tells the user what is going on. One without a writer is silent.
type Reporter struct{ W io.Writer }

// Line prints one line.
func (r Reporter) Line(format string, args ...any) {
	if r.W != nil {
		fmt.Fprintf(r.W, format+"\n", args...)
	}
}

// Bar returns a bar of so many bytes, -1 if that is not known, which is as wide as
// the terminal and goes when it ends. Elsewhere than on a terminal it is nil.
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
		// OptionFullWidth takes 80 columns on whatever is no *os.File, such as a Screen.
		progressbar.OptionSetWidth(screen.BarWidth(utf8.RuneCountInString(description)+len(figures))),
		// Without a length there is a spinner. It is drawn at once and turns when bytes
		// arrive: a goroutine that turns it all the time would go on after the terminal is
		// closed.
		progressbar.OptionSetRenderBlankState(total < 0),
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionClearOnFinish())
}

// BarWidth is how wide a bar is on the screen beside so many characters of text.
// It is never too narrow to be seen: rather, the end of the text is cut off.
func (s *Screen) BarWidth(text int) int {
	const narrowest = 8
	return max(s.Columns()-text, narrowest)
}
