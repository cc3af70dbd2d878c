package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"onnxlab/configs"
	"onnxlab/dataset/folder"
	"onnxlab/trainloop/rundir"
)

// RefuseOutput refuses to write the file that a flag names over an input or over a
// file of a run. path is empty if the flag is not given.
func RefuseOutput(flag, path string, inputs ...string) error {
	if path == "" {
		return nil
	}
	if isRead(path, inputs) {
		return WouldReplace(flag, path, "is a file that this command reads", "choose another file")
	}
	if rundir.Keeps(path) {
		return WouldReplace(flag, path, "is one of the files that a run keeps", "choose another")
	}
	return nil
}

// RefuseDirectory refuses to write files with these names into the directory that
// a flag names if one would replace an input, or if the directory belongs to a run.
func RefuseDirectory(flag, dir string, names []string, inputs ...string) error {
	if err := errors.Join(RefuseOutput(flag, dir), RefuseDeadLink(flag, dir)); err != nil || dir == "" {
		return err
	}
	for _, name := range names {
		if isRead(filepath.Join(dir, name), inputs) {
			return WouldReplace(flag, dir, fmt.Sprintf("contains %q, which this command reads", name), "choose another directory")
		}
	}
	return nil
}

// RefuseAmongImages refuses to write the files that a flag names into a directory
// that the data set reads.
func RefuseAmongImages(flag, path, dir string, d configs.Data) error {
	if path == "" || d.Source != folder.Name || !folder.AmongImages(d.Path, dir) {
		return nil
	}
	return WouldReplace(flag, path, fmt.Sprintf("is among the images of data.path %q", d.Path), "choose another directory")
}

// RefuseDeadLink refuses a broken symbolic link where a directory is to be made. The
// system's own error would only say that the file exists.
func RefuseDeadLink(flag, dir string) error {
	_, err := os.Stat(dir)
	if _, there := os.Lstat(dir); there == nil && errors.Is(err, fs.ErrNotExist) {
		return WouldReplace(flag, dir, "is a broken symbolic link", "remove it, or choose another directory")
	}
	return nil
}

// isRead tells whether the file at path exists and is one of the inputs.
func isRead(path string, inputs []string) bool {
	there, err := os.Stat(path)
	return err == nil && slices.ContainsFunc(inputs, func(input string) bool {
		read, err := os.Stat(input)
		return err == nil && os.SameFile(there, read)
	})
}

// SamePath tells whether two paths name the same file, which need not exist yet.
func SamePath(a, b string) bool {
	absolute, err := filepath.Abs(a)
	other, otherErr := filepath.Abs(b)
	return err == nil && otherErr == nil && absolute == other
}

// WouldReplace is the error of an output that would replace something.
func WouldReplace(flag, path, what, instead string) error {
	return BadUsagef("--%s %q %s: %s", flag, path, what, instead)
}

// PrintJSON prints v as indented JSON, for --json.
func PrintJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
