package library

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// checkSiblings refuses a library if the provider library that it opens while it is
// loaded is not beside it. In that case some builds for CUDA end the whole process
// (std::terminate from a C++ exception; seen with 1.20.0, not with 1.28.0), which no
// caller can catch. Only a library that contains the name of the file needs it.
func checkSiblings(library string) error {
	name := namingOf(runtime.GOOS).shared
	if _, err := os.Stat(filepath.Join(filepath.Dir(library), name)); err == nil {
		return nil
	}
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	needs, err := fileContains(library, []byte(stem))
	if err != nil || !needs {
		return err
	}
	return fmt.Errorf("%s is not beside it; put all files of the release into one folder", name)
}

// fileContains tells whether pattern is anywhere in a file, which it reads in parts of 1 MiB.
func fileContains(path string, pattern []byte) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	window := bufio.NewReaderSize(file, 1<<20)
	for {
		chunk, err := window.Peek(window.Size())
		if bytes.Contains(chunk, pattern) {
			return true, nil
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		// The end of each chunk is also in the next one, since the pattern may begin there.
		if _, err := window.Discard(len(chunk) - len(pattern) + 1); err != nil {
			return false, err
		}
	}
}
