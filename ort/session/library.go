//go:build cgo

package session

import (
	"context"

	"onnxlab/ort/library"
)

// Open finds ONNX Runtime's library, or fetches the pinned build with Maven
// (mvn) if there is none, and loads it. Everything else in this package, and
// trainloop.Run, needs it. A process can load only one library: another call for
// the same one only counts, and a call for a different one fails. Every successful
// call needs one call of [Close].
//
// Open takes the first of these that is set or exists: LibraryOptions.Library, the
// environment variable ONNXLAB_ORT_LIBRARY, and the library in the user's cache folder,
// where fetched builds are kept. If the library cannot be used, the error is an *[Error].
func Open(ctx context.Context, o LibraryOptions) error {
	path, err := library.Ensure(ctx, library.Options{Library: o.Library, Device: o.Device, Progress: o.Progress})
	if err != nil {
		return err
	}
	return library.Open(path)
}

// Close undoes one [Open]. Close every session first.
func Close() error { return library.Close() }

// Version returns the version of the open library, such as "1.28.0"; empty if none is open.
func Version() string { return library.Version() }
