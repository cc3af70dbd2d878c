// Package jpegturbotest opens libjpeg-turbo for tests.
package jpegturbotest

import (
	"errors"
	"os"
	"testing"

	"onnxlab/dataset/photo/jpegturbo"
)

// Open opens the pinned build, and fetches it if necessary. It skips the test if there is
// none.
func Open(t testing.TB) *jpegturbo.Library {
	t.Helper()
	lib, err := jpegturbo.Open(t.Context(), jpegturbo.Options{Fetch: true, Progress: os.Stderr})
	if errors.Is(err, jpegturbo.ErrNone) {
		t.Skip("no libjpeg-turbo for this platform or build")
	}
	if err != nil {
		t.Fatal(err)
	}
	return lib
}
