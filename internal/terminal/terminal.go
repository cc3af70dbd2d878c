// Package terminal shows progress on terminals, however narrow they are.
package terminal

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// assumedColumns is the width of a terminal of which nothing tells the width.
const assumedColumns = 80

// Screen is a terminal for one line that is drawn again and again. It is not
// for several goroutines at once.
type Screen struct {
	file   *os.File
	column int
}

// Of returns the terminal that w is, and whether it is one.
func Of(w io.Writer) (*Screen, bool) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, false
	}
	return &Screen{file: file}, true
}

// Columns is how many characters of a line are seen. The last column is left
// free: there some terminals begin a new line.
func (s *Screen) Columns() int {
	columns, _, err := term.GetSize(int(s.file.Fd()))
	if err != nil || columns <= 0 {
		columns = toldColumns()
	}
	return columns - 1
}

// toldColumns is the width of a terminal that does not tell its own, as serial
// lines, some containers and the terminals of build servers do not: what the
// user says in $COLUMNS, or else the usual.
func toldColumns() int {
	const most = 10_000
	columns, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil || columns < 1 || columns > most {
		return assumedColumns
	}
	return columns
}

// Write shows of each line as much as there are columns for. A longer one would
// go on in the next, and "\r" would not lead back to its start. Each character
// is taken to be one column wide, as those of progress bars are.
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
