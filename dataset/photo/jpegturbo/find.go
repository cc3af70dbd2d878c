package jpegturbo

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"onnxlab/internal/durable"
	"onnxlab/internal/maven"
	"onnxlab/internal/terminal"
)

// EnvLibrary is the environment variable that names the library to use.
const EnvLibrary = "ONNXLAB_JPEG_LIBRARY"

// Options says where the library may come from.
type Options struct {
	// Fetch allows the Maven client to fetch the pinned build if it is missing.
	Fetch bool
	// Progress gets reports of downloads; nil means no reports.
	Progress io.Writer
}

// Origin says where a library came from.
type Origin string

// The origins, in the order in which they are looked for.
const (
	OriginEnvironment Origin = "environment" // EnvLibrary
	OriginCache       Origin = "cache"       // the pinned build
	OriginSystem      Origin = "system"      // the loader's path
)

// ErrNone is the error if there is no library, or if this build cannot load one.
var ErrNone = errors.New("there is no libjpeg-turbo")

// Library is an open libjpeg-turbo. It is safe for concurrent use, and stays loaded until
// the process ends.
type Library struct {
	// Path is the file that was loaded.
	Path   string `json:"path"`
	Origin Origin `json:"origin"`
	// Version identifies the library in the record of a run. It is the version of the
	// pinned build, or the beginning of the SHA-256 of another library's file.
	Version string `json:"version"`

	handle handle
}

// Open finds or fetches the library, and loads it. If there is none, the error is ErrNone
// or says why; use Go's own decoder then.
func Open(ctx context.Context, o Options) (*Library, error) {
	if path := os.Getenv(EnvLibrary); path != "" {
		lib, err := load(path, OriginEnvironment)
		if err != nil {
			return nil, fmt.Errorf("use libjpeg-turbo library %q: %w; set %s to another one, or leave it empty", path, err, EnvLibrary)
		}
		return lib, nil
	}
	lib, err := openPinned(ctx, o)
	if err == nil || ctx.Err() != nil {
		return lib, err
	}
	for _, name := range systemNames(runtime.GOOS) {
		if lib, systemErr := load(name, OriginSystem); systemErr == nil {
			return lib, nil
		}
	}
	return nil, err
}

// openPinned loads the pinned build.
func openPinned(ctx context.Context, o Options) (*Library, error) {
	b, ok := buildFor(runtime.GOOS, runtime.GOARCH)
	if !ok || !loadable {
		return nil, ErrNone
	}
	root, err := cacheRoot()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(root, b.cacheName(), b.library)
	// A library has all rights of the user, so one that was changed is not loaded.
	if sum, err := durable.HashFile(path); err != nil || sum != b.sha256 {
		if !o.Fetch {
			return nil, ErrNone
		}
		if err := fetch(ctx, terminal.Reporter{W: o.Progress}, root, b); err != nil {
			return nil, err
		}
	}
	lib, err := load(path, OriginCache)
	if err == nil {
		lib.Version = turboVersion
	}
	return lib, err
}

func cacheRoot() (string, error) {
	dir, err := os.UserCacheDir()
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	return filepath.Join(dir, "onnxlab", "libjpeg-turbo"), nil
}

// fetch puts the pinned build into the cache. Of several processes, one does it and the
// others wait.
func fetch(ctx context.Context, progress terminal.Reporter, root string, b build) error {
	if err := os.MkdirAll(root, 0o777); err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	unlock, err := durable.LockWait(ctx, root, func(h durable.Holder) {
		progress.Line("waiting for process %d, which is installing libjpeg-turbo", h.PID)
	})
	if err != nil {
		return err
	}
	defer unlock()
	target := filepath.Join(root, b.cacheName())
	if b.isIn(target) {
		return nil
	}
	if err := durable.RemoveLeftovers(root, 0); err != nil { // left by killed processes
		return err
	}
	tmp, err := durable.TempDir(root)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	jar, err := maven.Fetch(ctx, b.artifact(), tmp, func() func() {
		progress.Line("fetching libjpeg-turbo (%s, 4 MB) with Maven", b.artifact().Coordinates)
		return func() {}
	})
	if err != nil {
		return err
	}
	return unpack(b, jar, root, target)
}

// isIn reports whether the folder contains the library, unchanged.
func (b build) isIn(dir string) bool {
	sum, err := durable.HashFile(filepath.Join(dir, b.library))
	return err == nil && sum == b.sha256
}

// unpack publishes the library from a jar as the folder target.
func unpack(b build, jar, root, target string) error {
	archive, err := zip.OpenReader(jar)
	if err != nil {
		return fmt.Errorf("unpack %q: %w", jar, err)
	}
	defer archive.Close()
	entry, err := archive.Open(b.entry())
	if err != nil {
		return fmt.Errorf("unpack %q: %w", jar, err)
	}
	defer entry.Close()
	tmp, err := durable.TempDir(root)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	hash := sha256.New()
	err = durable.WriteFile(filepath.Join(tmp, b.library), func(w io.Writer) error {
		_, err := io.Copy(io.MultiWriter(w, hash), entry)
		return err
	})
	if err != nil {
		return err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != b.sha256 {
		return fmt.Errorf("unpack %q: %s has SHA-256 %s instead of %s", jar, b.library, sum, b.sha256)
	}
	return durable.PublishDir(tmp, target, b.isIn)
}

// versionOf returns the version of the library in a file: that of the pinned build if it has
// the same bytes, wherever it is, and otherwise the beginning of its SHA-256.
func versionOf(path string) string {
	sum, err := durable.HashFile(path)
	if err != nil {
		return "unknown"
	}
	if b, ok := buildFor(runtime.GOOS, runtime.GOARCH); ok && sum == b.sha256 {
		return turboVersion
	}
	return sum[:12]
}
