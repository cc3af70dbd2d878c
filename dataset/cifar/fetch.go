package cifar

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"time"

	"onnxlab/dataset"
	"onnxlab/dataset/download"
	"onnxlab/internal/durable"
	"onnxlab/internal/terminal"
)

// The archive of CIFAR-10 in its binary version, by Alex Krizhevsky.
const (
	URL    = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
	SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
)

// FetchOptions says what [Fetch] fetches and where it stores it.
type FetchOptions struct {
	// Dir is the folder in which the set's folder is created. It is created too if it
	// does not exist.
	Dir string
	// URL is the address of the archive; empty means the constant URL.
	URL string
	// SHA256 is the expected hash of the archive, in hexadecimal; empty means the
	// constant SHA256.
	SHA256 string
	// Progress gets reports of the download: a bar if it is a terminal, else one line.
	// Nil means no reports.
	Progress io.Writer
}

// Fetch puts the binary files of CIFAR-10 into a folder of opts.Dir and
// returns that folder. It does nothing if the files are there already. The archive
// must have the expected SHA-256, and the folder appears complete or not at all. An
// interrupted download stays in opts.Dir, in a file whose name ends in ".part", and
// the next Fetch resumes it. If several processes fetch into the same folder, one
// does and the others wait.
func Fetch(ctx context.Context, opts FetchOptions) (dir string, err error) {
	opts.URL = cmp.Or(opts.URL, URL)
	opts.SHA256 = cmp.Or(opts.SHA256, SHA256)
	report := terminal.Reporter{W: opts.Progress}
	if err := os.MkdirAll(opts.Dir, 0o777); err != nil {
		return "", fmt.Errorf("fetch CIFAR-10: %w", err)
	}
	unlock, err := durable.LockWait(ctx, opts.Dir, func(h durable.Holder) {
		report.Line("waiting for process %d, which is using %s", h.PID, opts.Dir)
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	layout := CIFAR10()
	dir = filepath.Join(opts.Dir, layout.folder)
	if layout.complete(dir) {
		return dir, nil
	}
	// Remove what killed processes were unpacking. Unpacking never takes an hour.
	if err := durable.RemoveLeftovers(opts.Dir, time.Hour); err != nil {
		return "", fmt.Errorf("fetch CIFAR-10: %w", err)
	}
	archive, err := fetchArchive(ctx, opts, report)
	if err != nil {
		return "", err
	}
	if err := unpackCIFAR10(ctx, archive, dir); err != nil {
		return "", err
	}
	return dir, os.Remove(archive)
}

// fetchArchive downloads the archive, or the rest of it, and checks its hash.
func fetchArchive(ctx context.Context, opts FetchOptions, report terminal.Reporter) (file string, err error) {
	const limit = 1 << 29 // the archive has 170 MB
	from, err := url.Parse(opts.URL)
	if err != nil {
		return "", fmt.Errorf("fetch CIFAR-10: %w", err)
	}
	name := path.Base(from.Path)
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("fetch CIFAR-10: URL %q names no file", opts.URL)
	}
	file = filepath.Join(opts.Dir, name+".part")
	return file, download.File{
		Name: "CIFAR-10", URL: opts.URL, Path: file, SHA256: opts.SHA256, Limit: limit, Report: report,
	}.Fetch(ctx)
}

// archiveLimits returns limits with room for CIFAR-10: 8 files of up to 31 MB, 184 MB in all.
func archiveLimits() download.Limits {
	return download.Limits{Entries: 64, FileBytes: 1 << 26, StreamBytes: 1 << 29}
}

// unpackCIFAR10 unpacks the archive's folder of the same name as dir, and publishes it as dir.
func unpackCIFAR10(ctx context.Context, archive, dir string) error {
	tmp, err := durable.TempDir(filepath.Dir(dir))
	if err != nil {
		return fmt.Errorf("unpack %q: %w", archive, err)
	}
	defer os.RemoveAll(tmp)
	if err := download.Unpack(ctx, archive, tmp, archiveLimits()); err != nil {
		return err
	}
	layout := CIFAR10()
	unpacked := filepath.Join(tmp, layout.folder)
	for _, name := range append(layout.train, layout.validation...) {
		if _, err := layout.countRecords(filepath.Join(unpacked, name)); err != nil {
			return dataset.FileError(archive, fmt.Errorf("%s/%s: %w", layout.folder, name, errors.Unwrap(err)))
		}
	}
	return durable.PublishDir(unpacked, dir, layout.complete)
}

// complete reports whether the folder has all files of the layout in whole records.
func (l Layout) complete(dir string) bool {
	for _, name := range append(l.train, l.validation...) {
		if _, err := l.countRecords(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}
