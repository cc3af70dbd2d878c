package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tempPrefix starts every temporary name. Temporary names do not contain the name of
// their target, which may already have the maximum length.
const tempPrefix = ".tmp-"

// TempDir makes an empty directory in parent for [PublishDir] to rename. parent must
// be the directory of the target, because a rename cannot cross file systems.
func TempDir(parent string) (string, error) {
	return tempName(parent, func(path string) error { return os.Mkdir(path, 0o777) })
}

// createTemp is os.CreateTemp with the mode that a plain new file gets.
func createTemp(dir string) (file *os.File, err error) {
	_, err = tempName(dir, func(path string) error {
		file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		return err
	})
	return file, err
}

// tempName calls create with temporary names in dir until one is new.
func tempName(dir string, create func(path string) error) (string, error) {
	const attempts = 100
	var err error
	for range attempts {
		path := filepath.Join(dir, fmt.Sprintf("%s%016x", tempPrefix, rand.Uint64()))
		if err = create(path); err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		err = &fs.PathError{Op: failed.Op, Path: dir, Err: failed.Err} // the temporary name means nothing to the user
	}
	return "", err
}

// withoutTemp removes the temporary name tmp from an error: it returns the cause alone.
func withoutTemp(err error, tmp string) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path) && path.Path == tmp:
		return path.Err
	case errors.As(err, &link) && link.Old == tmp:
		return link.Err
	}
	return err
}

// RemoveLeftovers deletes the temporary files and directories in dir that
// killed processes left there, if they were last changed longer ago than age.
// With age 0 it deletes all of them: then hold the [Lock] on dir.
func RemoveLeftovers(dir string, age time.Duration) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var failed []error
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), tempPrefix) {
			continue
		}
		info, err := entry.Info()
		if err != nil || time.Since(info.ModTime()) < age {
			continue
		}
		failed = append(failed, os.RemoveAll(filepath.Join(dir, entry.Name())))
	}
	return errors.Join(failed...)
}
