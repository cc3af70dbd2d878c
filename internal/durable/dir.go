package durable

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// PublishDir renames the finished directory tmp to target, atomically and durably.
// tmp must come from [TempDir] and be in the same directory as target.
//
// If target exists already, complete decides what happens: if it accepts the
// existing directory (another process was faster), PublishDir removes tmp and returns
// no error; otherwise tmp replaces it. A nil complete accepts anything. On failure tmp
// is removed.
func PublishDir(tmp, target string, complete func(dir string) bool) error {
	if complete == nil {
		complete = func(string) bool { return true }
	}
	err := syncTree(tmp)
	if err == nil {
		err = renameDir(tmp, target, complete)
	}
	if err != nil {
		os.RemoveAll(tmp)
		return fmt.Errorf("publish %q: %w", target, withoutTemp(err, tmp))
	}
	return SyncDir(filepath.Dir(target))
}

// renameDir renames tmp to target, moving an incomplete target out of the way.
func renameDir(tmp, target string, complete func(string) bool) error {
	// Another process may publish between our steps, so look again a few times.
	const attempts = 10
	var err error
	for range attempts {
		if err = os.Rename(tmp, target); err == nil {
			return nil
		}
		if _, statErr := os.Lstat(target); statErr != nil {
			return err
		}
		if complete(target) {
			return os.RemoveAll(tmp)
		}
		if err := discard(target); err != nil {
			return err
		}
	}
	return err
}

// discard removes the directory or file at path, atomically for other processes. It
// is no error if another process has already removed it.
func discard(path string) error {
	aside, err := TempDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	err = os.Rename(path, filepath.Join(aside, "old"))
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// syncTree syncs every file and directory below dir, and dir itself.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return SyncDir(path)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		return syncFile(path)
	})
}

// syncFile writes the file at path through to the disk.
func syncFile(path string) error {
	// Windows syncs only what is open for writing.
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}
