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
	// version matches the directive that names the version of YAML.
	version = regexp.MustCompile(`^%YAML[ \t]+([0-9]+\.[0-9]+)[ \t]*(?:[ \t]#.*)?$`)
)

// directives turns the directives at the head of a file into comments, so that lines
// keep their numbers. The parser accepts only %YAML 1.1, but experiments use nothing in
// which 1.1 and 1.2 differ. All other directives are mistakes.
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

// directive reports a problem with any directive that is not the first %YAML of the file,
// with version 1.1 or 1.2. versions is the number of %YAML directives so far.
func (r *reader) directive(text string, origin Origin, versions int) {
	name, _, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	m := version.FindStringSubmatch(text)
	switch {
	case origin.Column > 1:
		r.failAt(origin, "the directive %q is indented: it must be at the start of its line", shorten(name))
	case name != "%YAML":
		r.failAt(origin, "the directive %q is not supported: remove it (%%YAML 1.1 and %%YAML 1.2 are)", shorten(name))
	case m == nil:
		r.failAt(origin, "%q is neither %%YAML 1.1 nor %%YAML 1.2", shorten(text))
	case m[1] != "1.1" && m[1] != "1.2":
		r.failAt(origin, "YAML %s is not supported: write %%YAML 1.2, or remove the line", shorten(m[1]))
	case versions > 1:
		r.failAt(origin, "a second %%YAML: a file may have only one")
	}
}

// asUTF8 returns a copy of the data in UTF-8, without a byte order mark. Data with a byte
// order mark of UTF-16, which Windows programs write, is converted. Damaged data is left
// to the parser, which reports it.
func asUTF8(data []byte) []byte {
	decoded, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), data)
	if err != nil || bytes.ContainsRune(decoded, utf8.RuneError) {
		return bytes.Clone(bytes.TrimPrefix(data, []byte("\ufeff")))
	}
	return decoded
}

// lineLength is the number of bytes of the first line without its line break. All line
// breaks of YAML 1.1 count.
func lineLength(text string) int {
	if i := strings.IndexAny(text, "\n\r\u0085\u2028\u2029"); i >= 0 {
		return i
	}
	return len(text)
}

// breakLength is the number of bytes of the line break at the start of the text, 0 if
// the text is empty.
func breakLength(text string) int {
	for _, b := range []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if strings.HasPrefix(text, b) {
			return len(b)
		}
	}
	return 0
}
