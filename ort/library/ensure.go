package library

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"onnxlab/configs"
	"onnxlab/internal/terminal"
)

// EnvLibrary is the environment variable that names the library to use.
const EnvLibrary = "ONNXLAB_ORT_LIBRARY"

// Options say which library is wanted.
type Options struct {
	// Library is the setting runtime.library: the path of the library or of its
	// folder. If it is empty, a library is found or fetched.
	Library string
	// Device is the device that computes; empty means the CPU.
	Device configs.Device
	// Progress gets reports of downloads: a bar if it is a terminal, else a line.
	// Nil means no reports.
	Progress io.Writer
	// Elsewhere is true if other machines will open the library. Then this machine
	// does not need the libraries that the device needs.
	Elsewhere bool
}

// Origin says where a library came from.
type Origin string

// The origins, in the order in which they are searched.
const (
	OriginSetting     Origin = "setting"     // Options.Library
	OriginEnvironment Origin = "environment" // EnvLibrary
	OriginInstalled   Origin = "installed"   // Install, from a file that is not a pinned jar
	OriginCache       Origin = "cache"       // the pinned build
)

// Library is a library that was found.
type Library struct {
	Path   string // absolute
	Origin Origin
	// manifest is nil outside the cache.
	manifest *manifest
}

// Ensure finds the library, and fetches the pinned build if there is none. The
// path is absolute. A library that Options.Library or EnvLibrary names must exist:
// nothing is fetched in its place. For the device CUDA, Ensure returns an error if
// the provider or a CUDA or cuDNN library is missing; the error names it. Errors
// about a library that exists are [*Error].
func Ensure(ctx context.Context, options Options) (path string, err error) {
	library, err := find(options)
	if err != nil && library.Origin == OriginCache && !errors.Is(err, fs.ErrPermission) {
		// The pinned build is missing or damaged.
		b, c, resolveErr := options.resolve()
		if resolveErr != nil {
			return "", resolveErr
		}
		library, err = c.fetch(ctx, terminal.Reporter{W: options.Progress}, b)
	}
	if err != nil {
		return "", err
	}
	if options.Device.Traits().Provider == configs.ProviderCUDA && !options.Elsewhere {
		if err := requireCUDA(library.Path); err != nil {
			return "", err
		}
	}
	return library.Path, nil
}

// requireCUDA refuses a library that cannot use the device "cuda".
func requireCUDA(library string) error {
	info, err := inspectCUDA(library)
	if err != nil {
		return &Error{Path: library, Err: err}
	}
	return info.require(library)
}

// find looks for an existing library. If the library cannot be used, the returned
// Library only has its Origin. If there is none, the error is errNotInstalled and
// the Origin is OriginCache.
func find(options Options) (Library, error) {
	if options.Library != "" {
		return given(options.Library, OriginSetting)
	}
	if path := os.Getenv(EnvLibrary); path != "" {
		return given(path, OriginEnvironment)
	}
	b, c, err := options.resolve()
	if err != nil {
		return Library{}, err
	}
	return c.find(b)
}

// resolve returns the pinned build for this machine and the cache.
func (o Options) resolve() (build, cache, error) {
	b, err := buildFor(runtime.GOOS, runtime.GOARCH, cmp.Or(o.Device, configs.CPU))
	if err != nil {
		return build{}, cache{}, err
	}
	c, err := userCache()
	return b, c, err
}

// given returns the library at a path that the user gave: a file, or a folder that
// contains it.
func given(path string, origin Origin) (Library, error) {
	hint := fmt.Sprintf("set %s to the library or its folder, or leave it empty to have one fetched", settingOf(origin))
	absolute, err := filepath.Abs(path)
	if err != nil {
		return Library{Origin: origin}, &Error{Path: path, Err: err, Hint: hint}
	}
	info, err := os.Stat(absolute)
	if err != nil {
		err = errors.Unwrap(err) // Error has the path already
	} else if info.IsDir() {
		absolute, err = mainIn(absolute)
	}
	if err != nil {
		return Library{Origin: origin}, &Error{Path: path, Err: err, Hint: hint}
	}
	return Library{Path: absolute, Origin: origin}, nil
}

func settingOf(origin Origin) string {
	if origin == OriginEnvironment {
		return EnvLibrary
	}
	return "runtime.library"
}

// mainIn returns the path of the library in a folder.
func mainIn(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	naming := namingOf(runtime.GOOS)
	name := naming.pickMain(names)
	if name == "" {
		return "", fmt.Errorf("the folder holds no %s", naming.main)
	}
	return filepath.Join(dir, name), nil
}

// fetch downloads the pinned build b into the cache with the Maven client.
func (c cache) fetch(ctx context.Context, progress terminal.Reporter, b build) (Library, error) {
	return c.putPinned(ctx, progress, b, func(tmp string) error {
		jar, err := download(ctx, b, tmp, progress)
		if err != nil {
			return err
		}
		return addPinned(c, b, jar)
	})
}

// putPinned makes sure that the cache holds b, undamaged, and that find returns it.
// If b is not there, it calls add with a temporary folder to use.
func (c cache) putPinned(ctx context.Context, progress terminal.Reporter, b build, add func(tmp string) error) (library Library, err error) {
	err = c.change(ctx, progress, func(tmp string) error {
		library, err = c.open(b.cacheName(), OriginCache)
		if err != nil || library.manifest.checkHashes(filepath.Dir(library.Path)) != nil {
			if err := add(tmp); err != nil {
				return err
			}
			if library, err = c.open(b.cacheName(), OriginCache); err != nil {
				return err
			}
		}
		return c.remove(installedName(b))
	})
	return library, err
}

// addPinned unpacks a jar whose SHA-256 is that of b into the cache.
func addPinned(c cache, b build, jar string) error {
	u := unpacker{naming: namingOf(b.goos), limits: defaultLimits, folder: b.folder()}
	err := c.add(jar, b.cacheName(), u, func(_ string, m *manifest) error {
		m.Source = b.coordinates()
		return nil
	})
	if err != nil {
		return fmt.Errorf("unpack %q: %w", jar, err)
	}
	return nil
}
