package terminaltest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Terminal is a pseudo-terminal.
type Terminal struct {
	// File is what programs write to.
	File *os.File
	// Width is the number of columns that it reports; 0 means that it does not report it.
	Width  int
	screen *os.File
	shown  bytes.Buffer
	done   chan error
}

// Open makes a terminal of a width.
func Open(t *testing.T, width int) *Terminal {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() }) // usually Text has already closed it
	if err := unix.IoctlSetWinsize(int(file.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(width)}); err != nil {
		t.Fatal(err)
	}
	x := &Terminal{File: file, Width: width, screen: screen, done: make(chan error, 1)}
	go func() {
		_, err := io.Copy(&x.shown, screen)
		x.done <- err
	}()
	return x
}

// Text closes the terminal and returns everything that was written to it. No program may
// still have it open.
func (x *Terminal) Text(t *testing.T) string {
	t.Helper()
	if err := x.File.Close(); err != nil {
		t.Fatal(err)
	}
	// When a terminal is closed, reading returns EIO.
	if err := <-x.done; err != nil && !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	return strings.ReplaceAll(x.shown.String(), "\r\n", "\n")
}

// Drawn returns the lines of the text that were drawn over, and those that stayed. The test
// fails if a line that was drawn over reaches the last column: the terminal would continue
// it in a new line, and could not return to its start.
func (x *Terminal) Drawn(t *testing.T, text string) (drawn, stayed []string) {
	t.Helper()
	width := x.Width
	if width == 0 {
		width = 80
	}
	for _, line := range strings.Split(text, "\n") {
		parts := strings.Split(line, "\r")
		for _, part := range parts[:len(parts)-1] {
			if columns := utf8.RuneCountInString(part); columns >= width {
				t.Errorf("%d columns are drawn over on a terminal of %d: %q", columns, width, part)
			}
			if strings.TrimSpace(part) != "" {
				drawn = append(drawn, part)
			}
		}
		stayed = append(stayed, parts[len(parts)-1])
	}
	return drawn, stayed
}
