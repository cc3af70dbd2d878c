package configs

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf16"
)

// utf16Text returns a text in UTF-16 in this byte order, as Windows programs write it.
func utf16Text(text string, little bool) string {
	var out []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
		if little {
			out = append(out, byte(u), byte(u>>8))
		} else {
			out = append(out, byte(u>>8), byte(u))
		}
	}
	return string(out)
}

// TestYAMLDirective checks that a file may name its version of YAML in any form, and that
// later problems are reported with the right lines.
func TestYAMLDirective(t *testing.T) {
	var heads []string
	for _, version := range []string{"%YAML 1.2", "%YAML 1.1", "%YAML\t1.2  ", "%YAML  1.1 # of 2005"} {
		for _, before := range []string{"", "# first\n", "\n  # indented\n\n"} {
			for _, after := range []string{"---\n", "--- # document\n", "# more\n\n---\n", "", "# more\n"} {
				heads = append(heads, before+version+"\n"+after)
			}
		}
	}
	for _, head := range heads {
		line := strings.Count(head, "\n") + 2
		text := head + "seed: 7\ntrain: {epcohs: 3}\n"
		for form, text := range map[string]string{
			"plain": text, "BOM": "\ufeff" + text,
			"CRLF": strings.ReplaceAll(text, "\n", "\r\n"), "CR": strings.ReplaceAll(text, "\n", "\r"),
			"BOM and CRLF": "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n"),
			"UTF-16LE":     utf16Text(text, true), "UTF-16BE": utf16Text(text, false),
		} {
			want := fmt.Sprintf(`FILE:%d:9: unknown key "train.epcohs" (did you mean "train.epochs"?)`, line)
			if got := problems(t, text); len(got) != 1 || got[0] != want {
				t.Errorf("%s %q: got %q, want %q", form, text, got, want)
			}
			right := write(t, strings.NewReplacer("epcohs", "epochs", "e\x00p\x00c\x00o\x00h\x00s", "e\x00p\x00o\x00c\x00h\x00s").Replace(text))
			if e, err := Load(right, nil); err != nil || e.Seed != 7 || e.Train.Epochs != 3 {
				t.Errorf("%s %q: %+v, %v", form, text, e, err)
			}
		}
	}
}

func TestDirectiveFaults(t *testing.T) {
	for text, want := range map[string]string{
		"%YAML 1.3\n---\nseed: 1\n":                       `FILE:1:1: YAML 1.3 is not supported: write %YAML 1.2, or remove the line`,
		"# c\n%YAML 2.0\n---\nseed: 1\n":                  `FILE:2:1: YAML 2.0 is not supported: write %YAML 1.2, or remove the line`,
		"%YAML 1.20\nseed: 1\n":                           `FILE:1:1: YAML 1.20 is not supported: write %YAML 1.2, or remove the line`,
		"%YAML\n---\nseed: 1\n":                           `FILE:1:1: "%YAML" is neither %YAML 1.1 nor %YAML 1.2`,
		"%YAML 1.2 1.1\nseed: 1\n":                        `FILE:1:1: "%YAML 1.2 1.1" is neither %YAML 1.1 nor %YAML 1.2`,
		"%YAML 1.2#c\nseed: 1\n":                          `FILE:1:1: "%YAML 1.2#c" is neither %YAML 1.1 nor %YAML 1.2`,
		"%YAML: 1.2\nseed: 1\n":                           `FILE:1:1: the directive "%YAML:" is not supported: remove it (%YAML 1.1 and %YAML 1.2 are)`,
		"%TAG ! tag:example.org,2000:\r\n---\r\nseed: 1":  `FILE:1:1: the directive "%TAG" is not supported: remove it (%YAML 1.1 and %YAML 1.2 are)`,
		"\ufeff%yaml 1.2\n---\nseed: 1\n":                 `FILE:1:1: the directive "%yaml" is not supported: remove it (%YAML 1.1 and %YAML 1.2 are)`,
		"%\nseed: 1\n":                                    `FILE:1:1: the directive "%" is not supported: remove it (%YAML 1.1 and %YAML 1.2 are)`,
		"%YAML 1.2\n%YAML 1.2\n---\nseed: 1\n":            `FILE:2:1: a second %YAML: a file may have only one`,
		"%YAML 1.1\n%TAG !x! y\n---\nseed: 1\n":           `FILE:2:1: the directive "%TAG" is not supported: remove it (%YAML 1.1 and %YAML 1.2 are)`,
		"  %YAML 1.2\n---\nseed: 1\n":                     `FILE:1:3: the directive "%YAML" is indented: it must be at the start of its line`,
		"%YAML 1.2\n---\nseed: 1\n---\nseed: 2\n":         `FILE:4:1: a second document starts here: an experiment is one document`,
		"seed: 1\n...\n%YAML 1.2\n---\nseed: 2\n":         `FILE:3:1: a second document starts here: an experiment is one document`,
		"%YAML 1.2\n---\n%YAML 1.2\n---\nseed: 1\n":       `FILE:3:1: a second document starts here: an experiment is one document`,
		"\ufeff%YAML 1.2\n---\nname: \xff\n":              `FILE: invalid leading UTF-8 octet`,
		"\xff\xfes\x00\x00\xdcd\x00":                      `FILE: unexpected low surrogate area`,
		"%YAML 1.2\n":                                     `FILE: is empty: write at least one setting, or leave the file out for the defaults`,
		"%YAML 1.2\n---\nname: \"%YAML 1.3\"\nseed: -1\n": `FILE:4:7: seed: -1 is outside 0..18446744073709551615`,
	} {
		if got := strings.Join(problems(t, text), "\n"); got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", text, got, want)
		}
	}
}

// TestDirectivesOfExtendedFiles checks that each file in a chain has its own directives.
func TestDirectivesOfExtendedFiles(t *testing.T) {
	path := write(t, "%YAML 1.2\n---\nextends: base.yaml\n")
	base := strings.TrimSuffix(path, "x.yaml") + "base.yaml"
	for text, want := range map[string]string{
		"%YAML 1.1\n---\nseed: 9\n": "",
		"%YAML 1.9\n---\nseed: 9\n": base + ":1:1: YAML 1.9 is not supported: write %YAML 1.2, or remove the line",
	} {
		if err := os.WriteFile(base, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := Load(path, nil)
		if want == "" && (err != nil || e.Seed != 9) || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
