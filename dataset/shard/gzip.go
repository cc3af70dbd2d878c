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

// maxUnpacked limits the size of an unpacked tar, in bytes and as a multiple of its
// compressed size: images are already compressed and hardly become larger.
const (
	maxUnpacked = 1 << 40
	maxRatio    = 50
)

// unpacked returns the path of the unpacked tar in the user's cache folder, which it makes
// once: in a gzipped file, an image can only be found by reading everything before it.
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
