//go:build unix

package durable

import "os"

// SyncDir writes the entries of dir through to the disk, so that a rename or a new
// file in it survives a power failure. On Windows, where that is not possible, it does
// nothing.
func SyncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}
