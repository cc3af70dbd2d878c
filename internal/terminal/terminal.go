// Package terminal shows progress on terminals, however narrow they are.
package terminal

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// assumedColumns is the width of a terminal whose width is unknown.
const assumedColumns = 80

// Screen is a terminal on which one line is drawn again and again. Several goroutines
// must not use it at once.
type Screen struct {
	file   *os.File
	column int
}

// Of returns w as a terminal, and whether it is one.
func Of(w io.Writer) (*Screen, bool) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, false
	}
	return &Screen{file: file}, true
}

// Columns returns the number of characters that fit in a line. The last column stays
// free, because some terminals start a new line there.
func (s *Screen) Columns() int {
	columns, _, err := term.GetSize(int(s.file.Fd()))
	if err != nil || columns <= 0 {
		columns = fallbackColumns()
	}
	return columns - 1
}

// fallbackColumns returns the width of a terminal that does not report its own, such as
// serial lines, some containers and the terminals of build servers: $COLUMNS if it is
// set, else assumedColumns.
func fallbackColumns() int {
	const most = 10_000
	columns, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil || columns < 1 || columns > most {
		return assumedColumns
	}
	return columns
}

// Write truncates each line to the number of columns. A longer line would continue in the
// next one, and "\r" would not return to its start. Write assumes that each character is
// one column wide, as the characters of progress bars are.
func (s *Screen) Write(text []byte) (int, error) {
	columns := s.Columns()
	var shown []rune
	for _, r := range string(text) {
		if r == '\r' || r == '\n' {
			s.column = 0
		} else if s.column++; s.column > columns {
			continue
		}
		shown = append(shown, r)
	}
	if _, err := io.WriteString(s.file, string(shown)); err != nil {
		return 0, err
	}
	return len(text), nil
}
