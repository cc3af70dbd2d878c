package download

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"onnxlab/dataset"
)

// Limits bound what Unpack extracts from an archive.
type Limits struct {
	// Entries is the largest number of files and folders.
	Entries int
	// FileBytes is the largest size of a file, StreamBytes that of the whole
	// uncompressed tar.
	FileBytes, StreamBytes int64
}

// nameBytes is the longest name of a file, including its folders.
const nameBytes = 255

// Unpack extracts a compressed tar of plain files and folders into dir, which must be
// empty. It refuses anything else (links, devices, sparse files, names that lead out of
// dir, names that occur twice) and archives that exceed the limits. After an error, dir
// contains what was extracted before, and the caller should remove it.
func Unpack(ctx context.Context, archive, dir string, limits Limits) error {
	file, err := os.Open(archive)
	if err != nil {
		return dataset.FileError(archive, err)
	}
	defer file.Close()
	// A Root never resolves a name to a path outside of it, whatever it contains.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack %q: %w", archive, err)
	}
	defer root.Close()
	stream, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return dataset.FileError(archive, err)
	}
	limited := &io.LimitedReader{R: stream, N: limits.StreamBytes}
	err = unpackTar(ctx, tar.NewReader(limited), root, limits)
	if limited.N <= 0 {
		err = fmt.Errorf("holds more than %d bytes", limits.StreamBytes)
	}
	if err != nil && ctx.Err() == nil {
		return dataset.FileError(archive, err)
	}
	return err
}

func unpackTar(ctx context.Context, archive *tar.Reader, root *os.Root, limits Limits) error {
	for entries := 0; ; entries++ {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if entries == limits.Entries {
			return fmt.Errorf("holds more than %d entries", limits.Entries)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := unpackEntry(archive, header, root, limits); err != nil {
			return fmt.Errorf("entry %.80q: %w", header.Name, err)
		}
	}
}

func unpackEntry(archive *tar.Reader, header *tar.Header, root *os.Root, limits Limits) error {
	name := filepath.FromSlash(header.Name)
	switch {
	case header.Typeflag == tar.TypeXGlobalHeader:
		return nil // comments about the archive
	case len(name) > nameBytes:
		// A name with ten thousand folders could be created but not removed, which
		// takes an open file for each folder.
		return fmt.Errorf("its name has %d bytes, more than %d", len(name), nameBytes)
	case !filepath.IsLocal(name):
		return errors.New("its name leads out of the archive")
	case header.Typeflag == tar.TypeDir:
		return root.MkdirAll(name, 0o777)
	case header.Typeflag != tar.TypeReg:
		return fmt.Errorf("is of type %q, neither a plain file nor a folder", header.Typeflag)
	case header.PAXRecords["GNU.sparse.major"] != "" || header.PAXRecords["GNU.sparse.map"] != "":
		return errors.New("has holes, which take no room in the archive") // so StreamBytes would not limit them
	case header.Size > limits.FileBytes:
		return fmt.Errorf("has %d bytes, more than %d", header.Size, limits.FileBytes)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("comes twice")
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(file, archive)
	return errors.Join(err, file.Close())
}
