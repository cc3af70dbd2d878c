//go:build !cgo || !(linux || darwin)

package jpegturbo

// loadable reports that this build cannot load a library.
const loadable = false

type handle = struct{}

func load(string, Origin) (*Library, error) { return nil, ErrNone }

// Decode returns ErrNone, since a build without cgo has no library.
func (*Library) Decode([]byte, Request, []uint8) (Part, error) { return Part{}, ErrNone }
