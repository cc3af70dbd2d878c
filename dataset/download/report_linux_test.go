package download

import (
	"strings"
	"testing"

	"onnxlab/internal/terminal"
	"onnxlab/internal/terminal/terminaltest"
)

// TestTransferOnATerminalIsABar checks the bar with and without a known length. It is cut
// to the width of the terminal.
func TestTransferOnATerminalIsABar(t *testing.T) {
	for _, total := range []int64{1000, -1} {
		for width, want := range map[int]string{0: "fetching CIFAR-10", 80: "fetching CIFAR-10", 12: "fetching", 1: ""} {
			x := terminaltest.Open(t, width)
			shown, done := transfer(terminal.Reporter{W: x.File}, "CIFAR-10", 400, total)
			if _, err := shown.Write(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			done()
			drawn, stayed := x.Drawn(t, x.Text(t))
			if text := strings.Join(drawn, "\n"); !strings.Contains(text, want) || (want == "") != (text == "") {
				t.Errorf("%d bytes, width %d: it shows %q, want %q", total, width, text, want)
			}
			if text := strings.Join(stayed, "\n"); text != "" {
				t.Errorf("%d bytes, width %d: %q stays", total, width, text)
			}
		}
	}
}
