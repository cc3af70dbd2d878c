//go:build !cgo

package library

import "errors"

var errNoCgo = errors.New("this build has no ONNX Runtime; build with CGO_ENABLED=1 and a C compiler")

// Open fails: a program built without cgo cannot load the library.
func Open(path string) error {
	return &Error{Path: path, Err: errNoCgo}
}

// Close fails, because Open does.
func Close() error { return errNoCgo }

// Version returns "", because no library can be open.
func Version() string { return "" }
