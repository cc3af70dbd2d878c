package main

import (
	"io"

	"onnxlab/internal/printable"
)

// printableWriter writes text as package printable makes it fit for terminals.
type printableWriter struct{ w io.Writer }

func (p printableWriter) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.w, printable.Text(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}
