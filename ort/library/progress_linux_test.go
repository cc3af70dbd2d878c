package library

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onnxlab/internal/terminal"
	"onnxlab/internal/terminal/terminaltest"
)

// TestProgressOnATerminalIsABar: a bar is drawn, as much of it as fits the terminal.
func TestProgressOnATerminalIsABar(t *testing.T) {
	for width, want := range map[int]string{0: "fetching ONNX Runtime  50% |", 80: "fetching ONNX Runtime  50% |", 20: "fetching ONNX Runti", 1: ""} {
		x := terminaltest.Open(t, width)
		b := build{classifier: "test", bytes: 1000}
		dir := t.TempDir()
		t.Setenv("HOME", dir)
		stop := showDownload(terminal.Reporter{W: x.File}, b, dir)
		writeFile(t, filepath.Join(dir, b.jarName()+".tmp"), strings.Repeat("x", 500))
		time.Sleep(300 * time.Millisecond)
		stop()
		drawn, stayed := x.Drawn(t, x.Text(t))
		if shown := strings.Join(drawn, "\n"); !strings.Contains(shown, want) || (want == "") != (shown == "") {
			t.Errorf("width %d: it shows %q, want %q", width, shown, want)
		}
		if text := strings.Join(stayed, "\n"); text != "" {
			t.Errorf("width %d: %q stays", width, text)
		}
	}
}
