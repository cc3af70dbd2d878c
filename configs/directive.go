package configs

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

var (
	// prologLine is a line that may stand before the document: a directive, a comment,
	// or nothing.
	prologLine = regexp.MustCompile(`^(?:([ \t]*)(%.*)|[ \t]*(?:#.*)?)$`)
	// version is the directive that says of which YAML the file is.
	version = regexp.MustCompile(`^%YAML[ \t]+([0-9]+\.[0-9]+)[ \t]*(?:[ \t]#.*)?$`)
)

// directives takes the directives from the head of a file, whose lines keep their
// numbers: the parser knows %YAML 1.1 alone, and what an experiment is made of is the
// same in 1.1 and 1.2. Other directives are mistakes.
func (r *reader) directives(data []byte) []byte {
	data = asUTF8(data)
	text, line, versions := string(data), 1, 0
	for at := 0; at < len(text); line++ {
		end := at + lineLength(text[at:])
		m := prologLine.FindStringSubmatch(text[at:end])
		if m == nil {
			break
		}
		if indent, directive := m[1], m[2]; directive != "" {
			if strings.HasPrefix(directive, "%YAML") {
				versions++
			}
			r.directive(directive, Origin{r.source, line, len(indent) + 1}, versions)
			data[at+len(indent)] = '#'
		}
		at = end + breakLength(text[end:])
	}
	return data
}

// directive refuses all but the first %YAML, of a version that is read.
func (r *reader) directive(text string, origin Origin, versions int) {
	name, _, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	m := version.FindStringSubmatch(text)
	switch {
	case origin.Column > 1:
		r.failAt(origin, "the directive %q is indented: it begins its line", shorten(name))
	case name != "%YAML":
		r.failAt(origin, "the directive %q is not supported: remove it (%%YAML 1.1 and %%YAML 1.2 are)", shorten(name))
	case m == nil:
		r.failAt(origin, "%q is neither %%YAML 1.1 nor %%YAML 1.2", shorten(text))
	case m[1] != "1.1" && m[1] != "1.2":
		r.failAt(origin, "YAML %s is not supported: write %%YAML 1.2, or remove the line", shorten(m[1]))
	case versions > 1:
		r.failAt(origin, "a second %%YAML: a file has one at most")
	}
}

// asUTF8 copies the data without its byte order mark, and what has one of UTF-16, as
// Windows writes it, in UTF-8. What is damaged stays for the parser, which says so.
func asUTF8(data []byte) []byte {
	decoded, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), data)
	if err != nil || bytes.ContainsRune(decoded, utf8.RuneError) {
		return bytes.Clone(bytes.TrimPrefix(data, []byte("\ufeff")))
	}
	return decoded
}

// lineLength is how long the first line is without its line break, which is one of
// YAML 1.1.
func lineLength(text string) int {
	if i := strings.IndexAny(text, "\n\r\u0085\u2028\u2029"); i >= 0 {
		return i
	}
	return len(text)
}

// breakLength is how long the line break is that the text begins with; 0 if it ends.
func breakLength(text string) int {
	for _, b := range []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if strings.HasPrefix(text, b) {
			return len(b)
		}
	}
	return 0
}
