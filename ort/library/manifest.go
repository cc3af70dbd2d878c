package library

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"onnxlab/internal/durable"
)

// manifestName is the file in a cache folder that is written last.
const manifestName = "manifest.json"

// maxManifest is the most bytes that a manifest may have. It usually has about 2 KB.
const maxManifest = 1 << 20

// manifest describes the files of an unpacked library.
type manifest struct {
	Source  string         `json:"source"`  // Maven coordinates, or the path it was installed from
	Library string         `json:"library"` // the name of the file to open
	Files   []manifestFile `json:"files"`
}

type manifestFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// names returns the names of the library's files.
func (m *manifest) names() []string {
	names := make([]string, len(m.Files))
	for i, file := range m.Files {
		names[i] = file.Name
	}
	return names
}

// write puts the manifest into dir, which makes it a complete library.
func (m *manifest) write(dir string) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteBytes(filepath.Join(dir, manifestName), append(data, '\n'))
}

// readManifest reads the manifest of the library in dir and checks that every
// file has its size. If there is no dir, the error is errNotInstalled; any
// other error means that the library is damaged.
func readManifest(dir string) (*manifest, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, errNotInstalled
	}
	data, err := durable.ReadPlain(filepath.Join(dir, manifestName), maxManifest)
	if err != nil {
		return nil, err
	}
	m := new(manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("read %s: %w", manifestName, err)
	}
	if m.Library == "" || m.Library != filepath.Base(m.Library) {
		return nil, fmt.Errorf("read %s: %q is not a library", manifestName, m.Library)
	}
	for _, file := range m.Files {
		info, err := os.Stat(filepath.Join(dir, filepath.Base(file.Name)))
		if err != nil {
			return nil, err
		}
		if info.Size() != file.Bytes {
			return nil, fmt.Errorf("%s has %d bytes instead of %d", file.Name, info.Size(), file.Bytes)
		}
	}
	return m, nil
}

// checkHashes compares every file in dir with its SHA-256 in the manifest.
func (m *manifest) checkHashes(dir string) error {
	for _, file := range m.Files {
		sum, err := durable.HashFile(filepath.Join(dir, filepath.Base(file.Name)))
		if err != nil {
			return err
		}
		if sum != file.SHA256 {
			return fmt.Errorf("%s has SHA-256 %s instead of %s", file.Name, sum, file.SHA256)
		}
	}
	return nil
}

// describes tells whether dir holds the same library, undamaged.
func (m *manifest) describes(dir string) bool {
	old, err := readManifest(dir)
	return err == nil && old.Library == m.Library && slices.Equal(old.Files, m.Files) && old.checkHashes(dir) == nil
}
