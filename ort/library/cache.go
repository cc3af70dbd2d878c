package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"onnxlab/internal/durable"
	"onnxlab/internal/terminal"
)

// cache is the folder that holds unpacked libraries, each in a folder of its own.
type cache struct{ root string }

// userCache returns the cache of the current user.
func userCache() (cache, error) {
	dir, err := os.UserCacheDir()
	if err == nil {
		dir, err = filepath.Abs(dir) // HOME may be relative, but paths of libraries must be absolute
	}
	if err != nil {
		return cache{}, fmt.Errorf("find the cache folder: %w; set it, or set runtime.library or %s", err, EnvLibrary)
	}
	return cache{filepath.Join(dir, "onnxlab", "onnxruntime")}, nil
}

// installedName returns the folder of a library that was installed from a file
// other than a pinned jar. Such a library is preferred to the pinned build.
func installedName(b build) string { return "installed-" + b.classifier }

// find looks for an installed library, then for the pinned build.
func (c cache) find(b build) (Library, error) {
	library, err := c.open(installedName(b), OriginInstalled)
	if errors.Is(err, errNotInstalled) {
		return c.open(b.cacheName(), OriginCache)
	}
	return library, err
}

// open reads one folder of the cache. If the library is damaged or missing, it
// returns an error and a Library that only has its Origin.
func (c cache) open(name string, origin Origin) (Library, error) {
	dir := filepath.Join(c.root, name)
	m, err := readManifest(dir)
	if errors.Is(err, errNotInstalled) {
		return Library{Origin: origin}, err
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return Library{Origin: origin}, &Error{
			Path: dir, Err: errors.New("a file is where the cache folder should be"),
			Hint: "set XDG_CACHE_HOME or HOME to a folder, or set runtime.library or " + EnvLibrary,
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		return Library{Origin: origin}, &Error{
			Path: dir, Err: fmt.Errorf("it cannot be read: %w", err),
			Hint: "let its owner allow it, set XDG_CACHE_HOME or HOME to a folder of your own, or set runtime.library or " + EnvLibrary,
		}
	}
	if err != nil {
		return Library{Origin: origin}, &Error{
			Path: dir, Err: fmt.Errorf("it is damaged: %w", err),
			Hint: "install it again with 'pipeline runtime install'",
		}
	}
	return Library{Path: filepath.Join(dir, m.Library), Origin: origin, manifest: m}, nil
}

// lock waits until no other process is changing the cache.
func (c cache) lock(ctx context.Context, progress terminal.Reporter) (unlock func() error, err error) {
	if err := os.MkdirAll(c.root, 0o777); err != nil {
		return nil, fmt.Errorf("make the cache folder: %w; set runtime.library or %s to use no cache", err, EnvLibrary)
	}
	return durable.LockWait(ctx, c.root, func(h durable.Holder) {
		progress.Line("waiting for process %d, which is installing ONNX Runtime", h.PID)
	})
}

// change calls work with the cache locked. work may use the temporary folder tmp
// in the cache, which is removed afterwards.
func (c cache) change(ctx context.Context, progress terminal.Reporter, work func(tmp string) error) error {
	unlock, err := c.lock(ctx, progress)
	if err != nil {
		return err
	}
	defer unlock()
	// We hold the lock, so all temporary folders belong to killed processes.
	if err := durable.RemoveLeftovers(c.root, 0); err != nil {
		return err
	}
	tmp, err := durable.TempDir(c.root)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	return work(tmp)
}

// add unpacks source and publishes it as name. accept may inspect and refuse the
// unpacked library before it is published.
func (c cache) add(source, name string, u unpacker, accept func(dir string, m *manifest) error) error {
	tmp, err := durable.TempDir(c.root)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	u.dir = tmp
	m, err := u.unpack(source)
	if err != nil {
		return err
	}
	if err := accept(tmp, m); err != nil {
		return err
	}
	if err := m.write(tmp); err != nil {
		return err
	}
	// If the same library is there already, it stays: a program may be about to load it.
	return durable.PublishDir(tmp, filepath.Join(c.root, name), m.describes)
}

// remove deletes one folder of the cache, if it is there.
func (c cache) remove(name string) error {
	return os.RemoveAll(filepath.Join(c.root, name))
}
