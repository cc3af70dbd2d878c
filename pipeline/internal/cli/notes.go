package cli

import (
	"fmt"
	"io"

	"onnxlab/configs"
	"onnxlab/internal/printable"
)

// NoteLines are the notes of an experiment.
func NoteLines(notes []configs.Note) []string {
	var lines []string
	for _, n := range notes {
		lines = append(lines, n.String())
	}
	return lines
}

// WriteNotes prints what a user should know, a line each.
func WriteNotes(w io.Writer, notes []string) {
	for _, note := range notes {
		fmt.Fprintf(w, "note: %s\n", printable.Line(note))
	}
}
