//go:build cgo && unix

package library_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"onnxlab/ort/library"
)

// fakeRuntime is a library with only as much of ONNX Runtime's C API as opening it
// needs: a table of functions that all succeed and return NULL, except that CreateEnv
// (the fourth) also fills in its result. GetTrainingApi returns NULL too: there is no
// training API.
const fakeRuntime = `
static void *none(void) { return 0; }
static void *create(int level, const char *name, void **made) { *made = "made"; return 0; }
static void *table[400];
static const void *api(unsigned version) {
	if (version > NEWEST) return 0;
	for (int i = 0; i < 400; i++) table[i] = (void *)none;
	table[3] = (void *)create;
	return table;
}
static const char *version(void) { return "1.20.0"; }
static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = {api, version};
const char *sibling = SIBLING;
#ifdef ENTRY
const void *ENTRY(void) { return &base; }
#endif
`

// compile makes a shared library from fakeRuntime with the compiler that cgo uses.
func compile(t *testing.T, defines ...string) string {
	t.Helper()
	dir := t.TempDir()
	source, path := filepath.Join(dir, "fake.c"), filepath.Join(dir, "libonnxruntime.so.1")
	if err := os.WriteFile(source, []byte(fakeRuntime), 0o666); err != nil {
		t.Fatal(err)
	}
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	arguments := append([]string{"-shared", "-fPIC", "-w", "-o", path, source}, defines...)
	if output, err := exec.Command(compiler, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return path
}

func TestOpenOtherLibraries(t *testing.T) {
	const newest, none, entry = "-DNEWEST=20", `-DSIBLING=""`, "-DENTRY=OrtGetApiBase"
	for name, test := range map[string]struct {
		path, want string
	}{
		"no training API": {
			compile(t, newest, none, entry),
			"ONNX Runtime 1.20.0 was built without the training API; run 'pipeline runtime install'",
		},
		"too old":     {compile(t, "-DNEWEST=18", none, entry), "it is older than ONNX Runtime 1.19; run"},
		"another one": {compile(t, newest, none), "it is not ONNX Runtime: it has no function OrtGetApiBase; run"},
		"no sibling": {
			compile(t, newest, entry, `-DSIBLING="libonnxruntime_providers_shared.so"`),
			"providers_shared.so is not beside it; put all files of the release into one folder; run",
		},
	} {
		t.Run(name, func(t *testing.T) {
			expectLibraryError(t, library.Open(test.path), test.path, test.want)
			if library.Version() != "" {
				t.Error("a library is open")
			}
		})
	}
}

// TestInstallRefusesFilesWithoutEnd: a huge sparse file is refused without being read,
// which would take minutes.
func TestInstallRefusesFilesWithoutEnd(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	t.Setenv("HOME", home)
	path := filepath.Join(home, "endless.jar")
	if err := errors.Join(os.WriteFile(path, []byte("PK\x03\x04"), 0o666), os.Truncate(path, 1<<42)); err != nil {
		t.Fatal(err)
	}
	_, err := library.Install(t.Context(), library.Options{}, path)
	expectLibraryError(t, err, path, "it has 4398046511104 bytes, more than 4294967296; nothing was installed")
}

// TestInstallRefusesWhatCannotTrain: a library without the training API is refused, and
// nothing is left of it in the cache.
func TestInstallRefusesWhatCannotTrain(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	t.Setenv("HOME", home)
	path := compile(t, "-DNEWEST=20", `-DSIBLING=""`, "-DENTRY=OrtGetApiBase")
	_, err := library.Install(t.Context(), library.Options{}, path)
	expectLibraryError(t, err, path, "without the training API; nothing was installed")
	left, err := filepath.Glob(filepath.Join(home, "onnxlab", "onnxruntime", "*installed*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left are %q, error %v", left, err)
	}
}
