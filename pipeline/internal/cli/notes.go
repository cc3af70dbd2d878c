package cli

import (
	"fmt"
	"io"

	"onnxlab/configs"
	"onnxlab/internal/printable"
)

// NoteLines returns the text of an experiment's notes.
func NoteLines(notes []configs.Note) []string {
	var lines []string
	for _, n := range notes {
		lines = append(lines, n.String())
	}
	return lines
}

// WriteNotes prints each note on a line.
func WriteNotes(w io.Writer, notes []string) {
	for _, note := range notes {
		fmt.Fprintf(w, "note: %s\n", printable.Line(note))
	}
}
