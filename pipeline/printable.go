package main

import (
	"io"
	"strings"

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

// shortLines cuts the middle out of the lines of a message that are longer than
// any path and its hint: what is in a stranger's file could fill the screen.
func shortLines(message string) string {
	const most = 10_000
	lines := strings.Split(message, "\n")
	for i, line := range lines {
		lines[i] = withoutMiddle(line, most, " … ")
	}
	return strings.Join(lines, "\n")
}

// withoutMiddle puts a mark in the place of as much of the middle as keeps most
// characters beside it.
func withoutMiddle(text string, most int, mark string) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most/2]) + mark + string(runes[len(runes)-most/2:])
}

// quoted is a word as a shell takes it.
func quoted(s string) string { return printable.ShellWord(s) }
