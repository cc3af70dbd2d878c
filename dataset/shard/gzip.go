package shard

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"onnxlab/dataset"
	"onnxlab/internal/durable"
)

// maxUnpacked bounds what a gzipped tar becomes, in bytes and as a multiple of its size:
// images are compressed already, and hardly become larger.
const (
	maxUnpacked = 1 << 40
	maxRatio    = 50
)

// unpacked is the plain tar of a gzipped one, in the user's cache folder: in a gzipped file
// nothing can be found without reading all that is before it. It is made once.
func unpacked(ctx context.Context, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", dataset.FileError(path, err)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	key := dataset.NameHash(fmt.Sprintf("%s %d %d", absolute, info.Size(), info.ModTime().UnixNano()))
	dir := filepath.Join(cache, "onnxlab", "shards")
	target := filepath.Join(dir, fmt.Sprintf("%016x.tar", key))
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	err = durable.WriteFile(target, func(w io.Writer) error { return gunzip(ctx, w, path, info.Size()) })
	if err != nil {
		return "", dataset.FileError(path, fmt.Errorf("unpack into %q: %w", dir, err))
	}
	return target, nil
}

func gunzip(ctx context.Context, w io.Writer, path string, size int64) error {
	file, err := durable.OpenPlain(path)
	if err != nil {
		return dataset.Cause(err)
	}
	defer file.Close()
	r, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return err
	}
	limit := min(maxUnpacked, maxRatio*size+1<<20)
	for written := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		const piece = 4 << 20
		n, err := io.CopyN(w, r, piece)
		if written += n; written > limit {
			return fmt.Errorf("has more than %d bytes, %d times its size", limit, maxRatio)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
