//go:build cgo

package session

import (
	"context"

	"onnxlab/ort/library"
)

// Open finds ONNX Runtime's library, or fetches the pinned build with Maven
// (mvn) if there is none, and loads it, which everything else in this package
// and trainloop.Run need first. A process has one library: a further call for
// the same one only counts, one for another fails. Every successful call needs
// one of [Close].
//
// The library is Library if that is set, or the environment variable
// ONNXLAB_ORT_LIBRARY, or what is in the user's cache folder, where the fetched
// build is kept too. What is wrong with it is a *[Error].
func Open(ctx context.Context, o LibraryOptions) error {
	path, err := library.Ensure(ctx, library.Options{Library: o.Library, Device: o.Device, Progress: o.Progress})
	if err != nil {
		return err
	}
	return library.Open(path)
}

// Close undoes one [Open]. Close every session first.
func Close() error { return library.Close() }

// Version is that of the open library, such as "1.28.0"; empty if none is.
func Version() string { return library.Version() }
