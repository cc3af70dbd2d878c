//go:build unix

package durable

import "os"

// SyncDir writes the names in dir through to the disk, so that a rename or a
// new file in it survives a power failure. It does nothing on Windows, which
// cannot do it.
func SyncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}
