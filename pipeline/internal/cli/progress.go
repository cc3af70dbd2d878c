package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/schollz/progressbar/v3"

	"onnxlab/internal/terminal"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
)

// Progress shows a run: one line for each epoch, and on a terminal a bar for the
// current one. It counts epochs and steps from 1.
type Progress struct {
	out io.Writer
	// header is printed when the run starts, and then the notes about it.
	header string
	notes  []string
	// bar is the bar of the current epoch, or nil; layout says what is on its line.
	bar    *progressbar.ProgressBar
	layout barLayout
	// screen is the terminal that out is, or nil.
	screen *terminal.Screen
}

// NewProgress returns a Progress that writes to out, first the header and the notes.
func NewProgress(out io.Writer, header string, notes []string) *Progress {
	screen, _ := terminal.Of(out)
	return &Progress{out: out, header: header, notes: notes, screen: screen}
}

// Started implements trainloop.Observer.
func (p *Progress) Started(at trainloop.Position) {
	fmt.Fprintln(p.out, p.header)
	WriteNotes(p.out, p.notes)
	switch {
	case at.Epoch == at.Epochs:
		fmt.Fprintln(p.out, "resuming after the last epoch")
	case at.Epoch > 0 || at.Step > 0:
		fmt.Fprintf(p.out, "resuming at epoch %d, step %d of %d\n", at.Epoch+1, at.Step+1, at.StepsPerEpoch)
	}
}

// Stepped implements trainloop.Observer.
func (p *Progress) Stepped(at trainloop.Position, loss, accuracy, imagesPerSecond float64) {
	if p.screen == nil {
		return
	}
	parts := []string{
		epochOf(at.Epoch, at.Epochs), fmt.Sprintf("loss %.4f", loss),
		fmt.Sprintf("accuracy %4.1f %%", 100*accuracy), fmt.Sprintf("%5.0f images/s", imagesPerSecond),
	}
	if p.bar == nil {
		p.layout = newBarLayout(p.screen.Columns(), parts)
		p.bar = p.layout.bar(p.screen, at.StepsPerEpoch)
	}
	p.bar.Describe(p.layout.text(parts))
	// A terminal that cannot be written to does not stop the training.
	_ = p.bar.Set(at.Step)
}

// barLayout says what fits on a line: how many parts of the text, how many columns of
// the bar, and whether the times.
type barLayout struct {
	parts, width int
	times        bool
}

// newBarLayout leaves out the last parts of the text, and then the times, until the
// bar is wide enough to be read. The bar has at least one column.
func newBarLayout(columns int, parts []string) barLayout {
	const widest, readable = 20, 8
	for n := len(parts); n > 0; n-- {
		l := barLayout{parts: n, times: true}
		if l.width = min(columns-l.beside(parts), widest); l.width >= readable {
			return l
		}
	}
	l := barLayout{parts: 1}
	l.width = min(max(columns-l.beside(parts), 1), widest)
	return l
}

func (l barLayout) text(parts []string) string { return strings.Join(parts[:l.parts], "  ") }

// beside returns how many columns everything but the bar takes.
func (l barLayout) beside(parts []string) int {
	const figures, times = "  100% ||", "  [10m10s:10m10s]"
	n := len(l.text(parts)) + len(figures)
	if l.times {
		n += len(times)
	}
	return n
}

func (l barLayout) bar(screen *terminal.Screen, steps int) *progressbar.ProgressBar {
	return progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(screen), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(l.width),
		progressbar.OptionSetPredictTime(l.times), progressbar.OptionSetElapsedTime(l.times), progressbar.OptionThrottle(100e6))
}

// epochOf writes the number of an epoch, from 1, with the same width for all epochs of a run.
func epochOf(epoch, epochs int) string {
	return fmt.Sprintf("epoch %*d/%d", len(strconv.Itoa(epochs)), epoch+1, epochs)
}

// Finished implements trainloop.Observer. The figures of all epochs are in columns.
func (p *Progress) Finished(at trainloop.Position, e rundir.Epoch) {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
	fmt.Fprintf(p.out, "%s  rate %-9.4g  loss %.4f  accuracy %5.2f %%  val_loss %.4f  val_accuracy %5.2f %%  %5.0f images/s  %.1f s\n",
		epochOf(e.Epoch, at.Epochs), e.LearningRate, e.Loss, 100*e.Accuracy, e.ValLoss, 100*e.ValAccuracy, e.ImagesPerSecond, e.Seconds)
}
