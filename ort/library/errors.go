package library

import (
	"errors"
	"fmt"
)

// errNotInstalled says that there is no library to open yet.
var errNotInstalled = errors.New("not installed")

// Error says that a library, or a file that should hold one, is
// missing, damaged or not what is needed.
type Error struct {
	Path string
	Err  error
	// Hint says what to do next; it may be empty.
	Hint string
}

// Error returns the path, the cause and the hint.
func (e *Error) Error() string {
	text := fmt.Sprintf("use ONNX Runtime library %q: %v", e.Path, e.Err)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// hintInstall ends errors about a library that is not the pinned build.
const hintInstall = "run 'pipeline runtime install' for a build that has the training API, " +
	"and leave runtime.library and " + EnvLibrary + " unset"
