package configs

import (
	"fmt"
	"strings"
)

// Error is everything that is wrong with a configuration, in the order it
// was found: files first, then environment, then flags.
type Error struct {
	Problems []Problem
}

// Problem is one mistake and where it was made.
type Problem struct {
	Origin  Origin
	Message string
}

// Origin is where a value was given.
type Origin struct {
	// Source is a file, "ONNXLAB_TRAIN_EPOCHS=3", "--set train.epochs=3", or
	// "default"; empty for an experiment that was made in Go.
	Source string
	// Line and Column count from 1; 0 outside files, or for a whole file.
	Line, Column int
}

// String writes the origin as compilers do: file:line:column.
func (o Origin) String() string {
	switch {
	case o.Line == 0:
		return o.Source
	case o.Column == 0:
		return fmt.Sprintf("%s:%d", o.Source, o.Line)
	}
	return fmt.Sprintf("%s:%d:%d", o.Source, o.Line, o.Column)
}

// String writes the problem after where it was made.
func (p Problem) String() string {
	if p.Origin.Source == "" {
		return p.Message
	}
	return p.Origin.String() + ": " + p.Message
}

// MostShown is how many problems an Error writes. A file with more was probably not
// meant to be a configuration.
const MostShown = 20

// Error returns a single problem as one line, and several problems as a headline with
// one line for each.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].String()
	}
	lines := []string{fmt.Sprintf("%d problems in the configuration:", len(e.Problems))}
	for i, p := range e.Problems {
		if i == MostShown {
			lines = append(lines, fmt.Sprintf("  and %d more", len(e.Problems)-i))
			break
		}
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// asError returns an *Error, or nil if there are no problems.
func asError(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &Error{Problems: problems}
}
