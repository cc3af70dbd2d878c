package library

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"onnxlab/internal/durable"
	"onnxlab/internal/terminal"
)

// Install puts a library into the cache, where [Ensure] finds it. It keeps a
// library that is there already, and replaces it if a SHA-256 shows that it is
// damaged.
//
// If from is empty, Install installs the pinned build for options.Device and
// fetches it if necessary. Otherwise from is a jar, a zip, a tgz, a shared library
// or a folder. A pinned jar is recognised by its SHA-256 and is installed for its
// own device; a file with the name of a pinned jar but another SHA-256 is refused.
// Anything else is opened and refused if it has no training API. Once installed,
// it is preferred to the pinned build, until Install is called for the pinned
// build again. options.Library is ignored.
func Install(ctx context.Context, options Options, from string) (Library, error) {
	b, c, err := options.resolve()
	if err != nil {
		return Library{}, err
	}
	progress := terminal.Reporter{W: options.Progress}
	if from == "" {
		return c.fetch(ctx, progress, b)
	}
	jar, ok, err := recognise(from)
	if err != nil {
		return Library{}, &Error{Path: from, Err: err, Hint: "nothing was installed"}
	}
	if !ok {
		return c.installOther(ctx, progress, b, from)
	}
	if jar.goos != runtime.GOOS || jar.goarch != runtime.GOARCH {
		return Library{}, &Error{
			Path: from, Err: fmt.Errorf("it is made for %s", jar.classifier),
			Hint: fmt.Sprintf("this machine needs %s (%s)", b.jarName(), b.coordinates()),
		}
	}
	return c.putPinned(ctx, progress, jar, func(string) error { return addPinned(c, jar, from) })
}

// recognise returns the pinned jar that the file is, and whether it is one. It
// returns an error if the file has the name of a pinned jar but other contents.
func recognise(from string) (b build, ok bool, err error) {
	info, err := os.Stat(from)
	if err != nil || info.IsDir() {
		return build{}, false, errors.Unwrap(err)
	}
	if info.Size() > defaultLimits.totalBytes {
		return build{}, false, fmt.Errorf("it has %d bytes, more than %d", info.Size(), defaultLimits.totalBytes)
	}
	sum, err := durable.HashFile(from)
	if err != nil {
		return build{}, false, err
	}
	for _, b := range pinned {
		switch {
		case b.sha256 == sum:
			return b, true, nil
		case b.jarName() == filepath.Base(from):
			return build{}, false, fmt.Errorf("it has SHA-256 %s instead of %s", sum, b.sha256)
		}
	}
	return build{}, false, nil
}

// installOther installs a library that is not the pinned build, if it can be
// used.
func (c cache) installOther(ctx context.Context, progress terminal.Reporter, b build, from string) (library Library, err error) {
	absolute, err := filepath.Abs(from)
	if err != nil {
		return Library{}, err
	}
	u := unpacker{naming: namingOf(b.goos), limits: defaultLimits}
	err = c.change(ctx, progress, func(string) error {
		err := c.add(absolute, installedName(b), u, func(dir string, m *manifest) error {
			return probe(filepath.Join(dir, m.Library))
		})
		if err == nil {
			library, err = c.open(installedName(b), OriginInstalled)
		}
		return err
	})
	if err != nil {
		return Library{}, &Error{Path: from, Err: err, Hint: fmt.Sprintf(
			"nothing was installed; %s (%s) has what is needed", b.jarName(), b.coordinates())}
	}
	return library, nil
}

// probe opens a library and closes it. Its error does not contain the path, which is
// temporary.
func probe(path string) error {
	if err := Open(path); err != nil {
		var library *Error
		if errors.As(err, &library) {
			return library.Err
		}
		return err
	}
	return Close()
}
