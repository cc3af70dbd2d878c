// Package printable makes text out of strangers' files fit for people's
// terminals and pictures: names could otherwise command the terminal, forge
// lines of a table, or make it endlessly wide.
package printable

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// longest is how many characters of a name are shown: more than names have that
// people give.
const longest = 120

// Text replaces what commands a terminal: control characters, but for tabs and
// ends of lines, and those that turn the direction of the text around.
func Text(text string) string {
	return replace(text, func(r rune) bool { return r != '\n' && r != '\t' && commands(r) })
}

// Line is Text without tabs and ends of lines.
func Line(text string) string { return replace(text, commands) }

// Name is a Line of at most 120 characters, for columns, whose every row is as
// wide as the widest.
func Name(name string) string {
	name = Line(name)
	if utf8.RuneCountInString(name) <= longest {
		return name
	}
	return string([]rune(name)[:longest-1]) + "…"
}

// commands tells characters that do something instead of being shown.
func commands(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

func replace(text string, unwanted func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if unwanted(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// ShellWord is a word as a shell takes it.
func ShellWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"\\$&|;<>()*?[]#~`!{}") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
