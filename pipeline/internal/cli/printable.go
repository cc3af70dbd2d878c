package cli

import (
	"io"
	"strings"

	"onnxlab/internal/printable"
)

// NewPrintable returns a writer that passes text on to w as package printable makes it fit
// for terminals.
func NewPrintable(w io.Writer) io.Writer { return printableWriter{w} }

// printableWriter writes text as package printable makes it fit for terminals.
type printableWriter struct{ w io.Writer }

func (p printableWriter) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.w, printable.Text(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Stdout is printable standard output that keeps its first error: cobra ignores those
// that it gets from printing help.
type Stdout struct {
	w   io.Writer
	err error
}

// NewStdout returns a Stdout that writes to w.
func NewStdout(w io.Writer) *Stdout { return &Stdout{w: NewPrintable(w)} }

// Fault returns the first error of writing.
func (f *Stdout) Fault() error { return f.err }

// Write implements io.Writer.
func (f *Stdout) Write(text []byte) (int, error) {
	n, err := f.w.Write(text)
	if f.err == nil {
		f.err = err
	}
	return n, err
}

// ShortLines cuts the middle out of the lines of a message that are longer than
// any path and its hint: what is in a stranger's file could fill the screen.
func ShortLines(message string) string {
	const most = 10_000
	lines := strings.Split(message, "\n")
	for i, line := range lines {
		lines[i] = WithoutMiddle(line, most, " … ")
	}
	return strings.Join(lines, "\n")
}

// WithoutMiddle puts a mark in the place of as much of the middle as keeps most
// characters beside it.
func WithoutMiddle(text string, most int, mark string) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most/2]) + mark + string(runes[len(runes)-most/2:])
}
