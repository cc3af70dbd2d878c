package terminal

import (
	"bytes"
	"fmt"
	"testing"

	"onnxlab/internal/terminal/terminaltest"
)

func TestScreenCutsLines(t *testing.T) {
	for _, c := range []struct {
		width, columns int
		want           string
	}{
		{0, 79, "\rloss 2.5 ████ 40%\r\nnext"},
		{80, 79, "\rloss 2.5 ████ 40%\r\nnext"},
		{18, 17, "\rloss 2.5 ████ 40%\r\nnext"},
		{12, 11, "\rloss 2.5 ██\r\nnext"},
		{2, 1, "\rl\r\nn"},
		{1, 0, "\r\r\n"},
	} {
		x := terminaltest.Open(t, c.width)
		screen, ok := Of(x.File)
		if !ok {
			t.Fatal("a terminal is taken for none")
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
		t.Error("a buffer is taken for a terminal")
	}
}
