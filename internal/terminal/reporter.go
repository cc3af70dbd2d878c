package terminal

import (
	"fmt"
	"io"

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
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(screen),
		progressbar.OptionSetDescription(description),
		progressbar.OptionShowBytes(true),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish())
}
