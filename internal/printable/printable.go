// Package printable makes text from untrusted files safe to show on terminals and
// in pictures. Otherwise names could send commands to the terminal, forge lines of a
// table, or make it endlessly wide.
package printable

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// longest is the most characters of a name that are shown. Names that people choose
// are shorter.
const longest = 120

// Text replaces characters that control a terminal: control characters except tabs
// and line feeds, and characters that change the direction of the text.
func Text(text string) string {
	return replace(text, func(r rune) bool { return r != '\n' && r != '\t' && commands(r) })
}

// Line is like Text, but also replaces tabs and line feeds.
func Line(text string) string { return replace(text, commands) }

// Name is Line shortened to 120 characters, for the columns of tables.
func Name(name string) string {
	name = Line(name)
	if utf8.RuneCountInString(name) <= longest {
		return name
	}
	return string([]rune(name)[:longest-1]) + "…"
}

// commands tells whether a character controls the terminal instead of being shown.
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

// ShellWord quotes a word for a shell, if necessary.
func ShellWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"\\$&|;<>()*?[]#~`!{}") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
