package terminal

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"onnxlab/internal/terminal/terminaltest"
)

func TestScreenCutsLines(t *testing.T) {
	t.Setenv("COLUMNS", "30") // used only if the terminal does not report its width
	for _, c := range []struct {
		width, columns int
		want           string
	}{
		{0, 29, "\rloss 2.5 ████ 40%\r\nnext"},
		{80, 79, "\rloss 2.5 ████ 40%\r\nnext"},
		{18, 17, "\rloss 2.5 ████ 40%\r\nnext"},
		{12, 11, "\rloss 2.5 ██\r\nnext"},
		{2, 1, "\rl\r\nn"},
		{1, 0, "\r\r\n"},
	} {
		x := terminaltest.Open(t, c.width)
		screen, ok := Of(x.File)
		if !ok {
			t.Fatal("Of does not recognize a terminal")
		}
		if got := screen.Columns(); got != c.columns {
			t.Errorf("width %d: %d columns, want %d", c.width, got, c.columns)
		}
		// In pieces, as bars are written.
		for _, piece := range []string{"\rloss 2.5 ", "████ 40%", "\r\nnext"} {
			if n, err := fmt.Fprint(screen, piece); err != nil || n != len(piece) {
				t.Fatalf("%d bytes of %q, %v", n, piece, err)
			}
		}
		if got := x.Text(t); got != c.want {
			t.Errorf("width %d: %q, want %q", c.width, got, c.want)
		}
	}
	if _, ok := Of(&bytes.Buffer{}); ok {
		t.Error("Of takes a buffer for a terminal")
	}
}

// TestScreenWithoutWidth uses a terminal that reports 0 columns, as those of
// container runtimes and build servers do.
func TestScreenWithoutWidth(t *testing.T) {
	for told, want := range map[string]int{"": 79, "132": 131, "1": 0, "0": 79, "-5": 79, "wide": 79, "1000000": 79} {
		t.Setenv("COLUMNS", told)
		screen, _ := Of(terminaltest.Open(t, 0).File)
		if got := screen.Columns(); got != want {
			t.Errorf("COLUMNS=%q: %d columns, want %d", told, got, want)
		}
	}
}

// TestBarHasAWidth: the bar of a download fills the rest of the line, and is wide
// enough to be seen on any terminal.
func TestBarHasAWidth(t *testing.T) {
	t.Setenv("COLUMNS", "")
	for width, want := range map[int]int{0: 39, 200: 159, 80: 39, 60: 19, 30: 8, 20: 8} {
		x := terminaltest.Open(t, width)
		bar := Reporter{W: x.File}.Bar("get", 100)
		if err := bar.Set(100 - 1); err != nil {
			t.Fatal(err)
		}
		drawn, _ := x.Drawn(t, x.Text(t)+"\r")
		last := drawn[len(drawn)-1]
		_, inside, _ := strings.Cut(last, "|")
		inside, _, closed := strings.Cut(inside, "|")
		if got := utf8.RuneCountInString(inside); got != want || !closed || !strings.Contains(inside, "█") {
			t.Errorf("width %d: the bar has %d columns, want %d: %q", width, got, want, last)
		}
	}
}
