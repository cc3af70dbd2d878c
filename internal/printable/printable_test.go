package printable

import (
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"plain: ä, 日本, 😀\tend\n": "plain: ä, 日本, 😀\tend\n",
		"\x1b[2Jcleared\r\x00":   "\uFFFD[2Jcleared\uFFFD\uFFFD",
		"\u009b31mred":           "\uFFFD31mred", // the one character form of ESC [
		"\u202Egpj.exe\u2066":    "\uFFFDgpj.exe\uFFFD",
		"no \xff UTF-8":          "no \uFFFD UTF-8",
	} {
		if got := Text(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"stage1.conv1.weight":    "stage1.conv1.weight",
		"a\nforged\t99 %":        "a\uFFFDforged\uFFFD99 %",
		"a\u2028b":               "a\uFFFDb",
		strings.Repeat("ä", 120): strings.Repeat("ä", 120),
		strings.Repeat("ä", 121): strings.Repeat("ä", 119) + "…",
	} {
		if got := Name(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"runs/first":   "runs/first",
		"my run":       "'my run'",
		"":             "''",
		"it's $HOME":   `'it'\''s $HOME'`,
		"a;rm -rf b\n": "'a;rm -rf b\n'",
	} {
		if got := ShellWord(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
