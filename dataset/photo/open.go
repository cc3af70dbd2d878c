package photo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"onnxlab/dataset"
	"onnxlab/internal/durable"
)

// File is an open file with a picture in it.
type File interface {
	io.ReadSeeker
	io.Closer
}

// Opener opens the file of a name. Its errors need not name the file.
type Opener func(name string) (File, error)

// OpenFile opens the plain file at path: a pipe, which might never end, is refused.
func OpenFile(path string) (File, error) {
	file, err := durable.OpenPlain(path)
	if err != nil {
		return nil, dataset.Cause(err)
	}
	return file, nil
}

// OpenFS opens a plain file of a file system. One in which files can be read in order
// alone is read whole, up to a gigabyte.
func OpenFS(fsys fs.FS, name string) (File, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, dataset.Cause(err)
	}
	if mode := info.Mode(); !mode.IsRegular() {
		return nil, fmt.Errorf("is no plain file (%v)", mode)
	}
	file, err := fsys.Open(name)
	if err != nil {
		return nil, dataset.Cause(err)
	}
	if f, ok := file.(File); ok {
		return f, nil
	}
	defer file.Close()
	const limit = 1 << 30
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && len(data) > limit {
		err = errors.New("has more than a gigabyte")
	}
	return inMemory{bytes.NewReader(data)}, err
}

// inMemory is a file that was read whole.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// ReadFile reads the picture in the file at path. An error is a [*dataset.Error].
func ReadFile(path string, limits Limits) (*Photo, error) {
	file, err := OpenFile(path)
	if err != nil {
		return nil, dataset.FileError(path, err)
	}
	defer file.Close()
	p, err := Read(file, limits)
	if err != nil {
		return nil, dataset.FileError(path, err)
	}
	return p, nil
}
