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

// File is an open file that contains a picture.
type File interface {
	io.ReadSeeker
	io.Closer
}

// Opener opens the file with this name. Its errors need not name the file.
type Opener func(name string) (File, error)

// OpenFile opens the file at path. It refuses pipes, which might never end.
func OpenFile(path string) (File, error) {
	file, err := durable.OpenPlain(path)
	if err != nil {
		return nil, dataset.Cause(err)
	}
	return file, nil
}

// OpenFS opens a file of a file system. If the file does not support seeking, it is read
// into memory, up to a gigabyte.
func OpenFS(fsys fs.FS, name string) (File, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, dataset.Cause(err)
	}
	if mode := info.Mode(); !mode.IsRegular() {
		return nil, fmt.Errorf("is not a regular file (%v)", mode)
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

// inMemory is a file that was read into memory.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// ReadFile reads the picture in the file at path. Its errors are [*dataset.Error].
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
