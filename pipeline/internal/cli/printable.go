package cli

import (
	"io"
	"strings"

	"onnxlab/internal/printable"
)

// NewPrintable returns a writer that makes text safe for terminals, by package printable,
// and writes it to w.
func NewPrintable(w io.Writer) io.Writer { return printableWriter{w} }

// printableWriter makes text safe for terminals and writes it to w.
type printableWriter struct{ w io.Writer }

func (p printableWriter) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.w, printable.Text(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Stdout is printable standard output that remembers its first error, because cobra ignores
// errors of printing help.
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

// ShortLines cuts the middle out of very long lines of a message. Paths and hints are never
// that long, but text from a stranger's file could fill the screen.
func ShortLines(message string) string {
	const most = 10_000
	lines := strings.Split(message, "\n")
	for i, line := range lines {
		lines[i] = WithoutMiddle(line, most, " … ")
	}
	return strings.Join(lines, "\n")
}

// WithoutMiddle replaces the middle of text by mark if text has more than most characters;
// most of them are kept.
func WithoutMiddle(text string, most int, mark string) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most/2]) + mark + string(runes[len(runes)-most/2:])
}
