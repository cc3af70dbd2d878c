package main

import (
	"fmt"
	"os"
	"path/filepath"

	"onnxlab/trainloop/rundir"
)

// refuseOutput refuses to write the file that a flag names over an input, or
// over what a run keeps. A flag that is not given names none.
func refuseOutput(flag, path string, inputs ...string) error {
	if path == "" {
		return nil
	}
	there, err := os.Stat(path)
	for _, input := range inputs {
		if read, readErr := os.Stat(input); err == nil && readErr == nil && os.SameFile(there, read) {
			return wouldReplace(flag, path, "is what is read", "choose another file")
		}
	}
	if rundir.Keeps(path) {
		return wouldReplace(flag, path, "is one of the files that a run keeps", "choose another")
	}
	return nil
}

// samePath tells whether two paths are one file, which may not be there yet.
func samePath(a, b string) bool {
	absolute, err := filepath.Abs(a)
	other, otherErr := filepath.Abs(b)
	return err == nil && otherErr == nil && absolute == other
}

// wouldReplace refuses an output for what would be lost.
func wouldReplace(flag, path, what, instead string) error {
	return &usageError{fmt.Errorf("--%s %q %s: %s", flag, path, what, instead)}
}
