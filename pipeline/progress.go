package main

import (
	"fmt"
	"io"

	"github.com/schollz/progressbar/v3"

	"onnxlab/internal/terminal"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
)

// progress shows a run: one line an epoch, and on a terminal a bar within it.
// It counts epochs and steps from 1.
type progress struct {
	out io.Writer
	// header is what the run begins with, and notes what a user should know of it.
	header string
	notes  []string
	bar    *progressbar.ProgressBar
	// screen is the terminal that out is, or nil.
	screen *terminal.Screen
}

func newProgress(out io.Writer, header string, notes []string) *progress {
	screen, _ := terminal.Of(out)
	return &progress{out: out, header: header, notes: notes, screen: screen}
}

// Started implements trainloop.Observer.
func (p *progress) Started(at trainloop.Position) {
	fmt.Fprintln(p.out, p.header)
	writeNotes(p.out, p.notes)
	switch {
	case at.Epoch == at.Epochs:
		fmt.Fprintln(p.out, "going on after the last epoch")
	case at.Epoch > 0 || at.Step > 0:
		fmt.Fprintf(p.out, "going on at epoch %d, step %d of %d\n", at.Epoch+1, at.Step+1, at.StepsPerEpoch)
	}
}

// Stepped implements trainloop.Observer.
func (p *progress) Stepped(at trainloop.Position, loss, accuracy, imagesPerSecond float64) {
	if p.screen == nil {
		return
	}
	text := fmt.Sprintf("epoch %d/%d  loss %.4f  accuracy %.1f %%  %.0f images/s",
		at.Epoch+1, at.Epochs, loss, 100*accuracy, imagesPerSecond)
	if p.bar == nil {
		p.bar = newBar(p.screen, len(text), at.StepsPerEpoch)
	}
	p.bar.Describe(text)
	// A terminal that cannot be written to does not stop the training.
	_ = p.bar.Set(at.Step)
}

// newBar is as wide as there is room for beside the text and its own figures.
func newBar(screen *terminal.Screen, text, steps int) *progressbar.ProgressBar {
	const widest, figures = 20, len("  100% ||  [10m10s:10m10s]")
	return progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(screen), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(min(max(screen.Columns()-text-figures, 0), widest)),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100e6))
}

// Finished implements trainloop.Observer.
func (p *progress) Finished(at trainloop.Position, e rundir.Epoch) {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
	fmt.Fprintf(p.out, "epoch %d/%d  rate %.4g  loss %.4f  accuracy %.2f %%  val_loss %.4f  val_accuracy %.2f %%  %.0f images/s  %.1f s\n",
		e.Epoch+1, at.Epochs, e.LearningRate, e.Loss, 100*e.Accuracy, e.ValLoss, 100*e.ValAccuracy, e.ImagesPerSecond, e.Seconds)
}
