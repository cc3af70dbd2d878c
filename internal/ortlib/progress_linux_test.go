package ortlib

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal makes a pseudo-terminal: what is written to terminal can be
// read from screen.
func openTerminal(t *testing.T) (terminal, screen *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return terminal, screen
}

func TestProgressOnATerminalIsABar(t *testing.T) {
	terminal, screen := openTerminal(t)
	b := build{classifier: "test", bytes: 1000}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	stop := reporter{terminal}.download(b, dir)
	writeFile(t, filepath.Join(dir, b.jarName()+".tmp"), strings.Repeat("x", 500))
	time.Sleep(300 * time.Millisecond)
	stop()
	seen := make([]byte, 1<<16)
	n, err := screen.Read(seen)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(seen[:n]); !strings.Contains(text, "fetching ONNX Runtime") || !strings.Contains(text, " 50% ") {
		t.Errorf("the terminal shows %q, want a bar at 50%%", text)
	}
}
