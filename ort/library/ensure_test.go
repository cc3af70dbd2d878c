package library

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/internal/terminal"
)

// placeLibrary puts a fake library into a cache folder without checking it.
func placeLibrary(t *testing.T, c cache, name string) {
	t.Helper()
	source := t.TempDir()
	writeFile(t, filepath.Join(source, namingOf(runtime.GOOS).main), name)
	u := unpacker{naming: namingOf(runtime.GOOS), limits: defaultLimits}
	err := c.change(t.Context(), terminal.Reporter{}, func(string) error {
		return c.add(source, name, u, func(string, *manifest) error { return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
}

// emptyCache sets the user's cache to an empty folder.
func emptyCache(t *testing.T) (build, cache) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, dir)
	}
	t.Setenv(EnvLibrary, "")
	b, c, err := Options{}.resolve()
	if err != nil {
		t.Fatal(err)
	}
	return b, c
}

func TestEnsureOrder(t *testing.T) {
	b, c := emptyCache(t)
	placeLibrary(t, c, b.cacheName())
	expect := func(options Options, want string) {
		t.Helper()
		path, err := Ensure(t.Context(), options)
		if err != nil || path != want {
			t.Errorf("Ensure returns %q, error %v; want %q", path, err, want)
		}
	}
	main := namingOf(runtime.GOOS).main
	expect(Options{}, filepath.Join(c.root, b.cacheName(), main))

	placeLibrary(t, c, installedName(b))
	expect(Options{}, filepath.Join(c.root, installedName(b), main))

	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, main), "environment")
	t.Setenv(EnvLibrary, folder)
	expect(Options{}, filepath.Join(folder, main))

	file := filepath.Join(t.TempDir(), "setting.so")
	writeFile(t, file, "setting")
	expect(Options{Library: file}, file)
}

func TestEnsureFetchesNothingForWhatWasGiven(t *testing.T) {
	_, c := emptyCache(t)
	missing := filepath.Join(c.root, "missing")
	check := func(options Options, want string) {
		t.Helper()
		_, err := Ensure(t.Context(), options)
		var library *Error
		if !errors.As(err, &library) || library.Path != missing || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want an Error with %q", err, want)
		}
	}
	check(Options{Library: missing}, "set runtime.library")
	t.Setenv(EnvLibrary, missing)
	check(Options{}, "set "+EnvLibrary)
}

func TestEnsureNamesADamagedInstallation(t *testing.T) {
	b, c := emptyCache(t)
	placeLibrary(t, c, b.cacheName())
	placeLibrary(t, c, installedName(b))
	writeFile(t, filepath.Join(c.root, installedName(b), namingOf(runtime.GOOS).main), "short")
	_, err := Ensure(t.Context(), Options{})
	if err == nil || !strings.Contains(err.Error(), "install it again with 'pipeline runtime install'") {
		t.Errorf("error is %v", err)
	}
}

// TestCacheFolderThatIsNone: the path of the cache is absolute even if HOME is
// relative, and if there is a file where the folder should be, the error says
// so.
func TestCacheFolderThatIsNone(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // other systems use other variables
	}
	t.Chdir(t.TempDir())
	t.Setenv(EnvLibrary, "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "home")
	here, err := filepath.Abs("home")
	if err != nil {
		t.Fatal(err)
	}
	if c, err := userCache(); err != nil || c.root != filepath.Join(here, ".cache", "onnxlab", "onnxruntime") {
		t.Errorf("the cache is %q, error %v; want it below %q", c.root, err, here)
	}
	t.Setenv("XDG_CACHE_HOME", "/dev/null")
	_, err = Ensure(t.Context(), Options{})
	var library *Error
	if !errors.As(err, &library) || !strings.Contains(err.Error(), "a file is where the cache folder should be; set XDG_CACHE_HOME") {
		t.Errorf("error is %v", err)
	}
}

// TestEnsureRefusesEndlessManifests has a sparse file as its manifest, which is
// larger than the memory: it must be refused without being read.
func TestEnsureRefusesEndlessManifests(t *testing.T) {
	b, c := emptyCache(t)
	placeLibrary(t, c, installedName(b))
	if err := os.Truncate(filepath.Join(c.root, installedName(b), manifestName), 1<<42); err != nil {
		t.Fatal(err)
	}
	_, err := Ensure(t.Context(), Options{})
	if err == nil || !strings.Contains(err.Error(), "it has more than 1048576 bytes") {
		t.Errorf("error is %v", err)
	}
}

func TestDescribeWithoutLibrary(t *testing.T) {
	b, c := emptyCache(t)
	info, err := Describe(t.Context(), Options{})
	if !errors.Is(err, errNotInstalled) || info.Error != err.Error() {
		t.Errorf("error is %v, and %q in the info", err, info.Error)
	}
	want := Info{Origin: OriginCache, Device: configs.CPU, Platform: b.classifier, Cache: c.root, Error: info.Error}
	if info.Path != want.Path || info.Cache != want.Cache || info.Platform != want.Platform || info.Training {
		t.Errorf("info is %+v, want %+v", info, want)
	}
}

func TestDescribeComparesHashes(t *testing.T) {
	b, c := emptyCache(t)
	placeLibrary(t, c, b.cacheName())
	main := filepath.Join(c.root, b.cacheName(), namingOf(runtime.GOOS).main)
	writeFile(t, main, strings.Repeat("x", len(b.cacheName())))
	info, err := Describe(t.Context(), Options{})
	if err == nil || !strings.Contains(err.Error(), "has SHA-256") || info.Path != main {
		t.Errorf("info is %+v, error %v", info, err)
	}
}
