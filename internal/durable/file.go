package durable

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// WriteFile replaces the file at path by what write produces, atomically and
// durably. The writer passed to write is buffered and only valid during the call. If
// write or any later step fails, WriteFile returns the error, path is unchanged, and
// nothing else is left in its directory.
//
// A new file gets mode 0666 minus the umask; a replaced file keeps its mode. A
// symbolic link at path is replaced, not followed. A directory, a device, a pipe or a
// socket at path is refused, and so is a link to one of these or to an open file, such
// as /dev/stdout. Errors name path or its directory, not the temporary file, which is
// removed by then.
func WriteFile(path string, write func(w io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	if err := replaceable(path); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	tmp, err := createTemp(dir)
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	// This also removes the temporary file after a panic in write.
	done := false
	defer func() {
		if !done {
			_ = tmp.Close() // an earlier error is returned
			os.Remove(tmp.Name())
		}
	}()
	if err := fill(tmp, path, write); err != nil {
		return fmt.Errorf("write %q: %w", path, withoutTemp(err, tmp.Name()))
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write %q: %w", path, withoutTemp(err, tmp.Name()))
	}
	done = true
	if err := SyncDir(dir); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

// replaceable returns an error if WriteFile must not replace what is at path.
func replaceable(path string) error {
	if to, err := os.Readlink(path); err == nil && strings.HasPrefix(to, "/proc/") {
		return errors.New("is a link to an open file, not a file")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode()&(fs.ModeDir|fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket) == 0 {
		return nil
	}
	return errors.Unwrap(plain("write", path, info.Mode()))
}

// WriteBytes replaces the file at path by data, as [WriteFile] does.
func WriteBytes(path string, data []byte) error {
	return WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// fill writes, syncs and closes tmp, which will become path.
func fill(tmp *os.File, path string, write func(w io.Writer) error) error {
	if old, err := os.Lstat(path); err == nil && old.Mode().IsRegular() {
		if err := tmp.Chmod(old.Mode().Perm()); err != nil {
			return err
		}
	}
	buffered := bufio.NewWriterSize(tmp, 1<<16)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return errors.Join(tmp.Sync(), tmp.Close())
}
