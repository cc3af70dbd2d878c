//go:build cgo

package library

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"onnxlab/internal/onstack"
)

// environment describes the binding's environment, of which a process can have
// only one. It is the only global state in this package.
var environment struct {
	sync.Mutex
	path  string
	users int
}

// Open loads the library at path and starts ONNX Runtime's environment. A process
// can open only one library: further calls with the same path are counted, and a
// call with another path fails. Open fails with a [*Error] if there is no such
// file, if it is not ONNX Runtime 1.19 or newer, or if it has no training API.
// Every successful call needs a call of [Close].
func Open(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	environment.Lock()
	defer environment.Unlock()
	if environment.users > 0 && environment.path != path {
		return &Error{Path: path, Err: fmt.Errorf("%q is already open in this process", environment.path)}
	}
	if environment.users == 0 {
		if err := load(path); err != nil {
			return &Error{Path: path, Err: err, Hint: hintInstall}
		}
	}
	environment.path = path
	environment.users++
	return nil
}

// Close undoes one [Open]; the last one ends the environment. Destroy every
// session first.
func Close() error {
	environment.Lock()
	defer environment.Unlock()
	if environment.users == 0 {
		return errors.New("close ONNX Runtime: it is not open")
	}
	environment.users--
	if environment.users > 0 {
		return nil
	}
	if err := ort.DestroyEnvironment(); err != nil {
		return fmt.Errorf("close ONNX Runtime: %w", err)
	}
	return nil
}

// Version returns the version of the open library, such as "1.28.0", or "" if none
// is open.
func Version() string {
	environment.Lock()
	defer environment.Unlock()
	if environment.users == 0 {
		return ""
	}
	return ort.GetVersion()
}

// Path returns the path of the open library, or "" if none is open.
func Path() string {
	environment.Lock()
	defer environment.Unlock()
	if environment.users == 0 {
		return ""
	}
	return environment.path
}

// load starts the environment and checks that it can train.
func load(path string) error {
	if info, err := os.Stat(path); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return errors.New("it is not a file")
	}
	magic, err := readMagic(path)
	if err != nil {
		return err
	}
	if !isLibrary(magic) {
		return errors.New("it is not a shared library")
	}
	if err := checkWhole(path, magic); err != nil {
		return err
	}
	if err := checkSiblings(path); err != nil {
		return err
	}
	if err := onstack.Keep(func() error { return preloadCUDA(path) }); err != nil {
		return err
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(); err != nil {
		return loadError(err)
	}
	if ort.IsTrainingSupported() {
		return nil
	}
	version := ort.GetVersion()
	if err := ort.DestroyEnvironment(); err != nil {
		return err
	}
	return fmt.Errorf("ONNX Runtime %s was built without the training API", version)
}

// loadError replaces messages of the binding by clearer ones.
func loadError(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "OrtGetApiBase"):
		return errors.New("it is not ONNX Runtime: it has no function OrtGetApiBase")
	case strings.Contains(text, "Error setting ORT API base"):
		// The exact version is not known: the binding has unloaded the library.
		return fmt.Errorf("it is older than ONNX Runtime %s", minimumVersion)
	}
	return err
}
