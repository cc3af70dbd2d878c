package main

import (
	"io"
	"strings"
	"unicode"
)

// printable writes text whose control characters, but for tabs and ends of
// lines, are replaced: names out of strangers' files could otherwise command
// the terminal.
type printable struct{ w io.Writer }

func (p printable) Write(text []byte) (int, error) {
	shown := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, string(text))
	if _, err := io.WriteString(p.w, shown); err != nil {
		return 0, err
	}
	return len(text), nil
}
