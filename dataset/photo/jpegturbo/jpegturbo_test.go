package jpegturbo_test

import (
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"onnxlab/dataset/photo/jpegturbo"
	"onnxlab/dataset/photo/jpegturbo/jpegturbotest"
)

// TestLayout compares libjpeg.h with the system's header, if there is one with the layout
// of libjpeg.so.62.
func TestLayout(t *testing.T) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler")
	}
	places := func(flags ...string) (string, bool) {
		program := filepath.Join(t.TempDir(), "layout")
		if text, err := exec.Command(compiler, append(flags, "-o", program, "layout_test.c")...).CombinedOutput(); err != nil {
			t.Logf("%s", text)
			return "", false
		}
		out, err := exec.Command(program).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out), true
	}
	theirs, ok := places("-DTHEIRS")
	if !ok {
		t.Skip("no jpeglib.h")
	}
	ours, ok := places()
	if !ok || ours != theirs {
		t.Errorf("libjpeg.h has\n%s\njpeglib.h has\n%s", ours, theirs)
	}
}

// TestOrigins opens the system's library by name, checks the errors for other files, and
// checks the origin of each library.
func TestOrigins(t *testing.T) {
	pinned := jpegturbotest.Open(t)
	if pinned.Origin != jpegturbo.OriginCache || pinned.Version != "3.0.1" {
		t.Errorf("pinned: %+v", pinned)
	}
	t.Setenv(jpegturbo.EnvLibrary, pinned.Path)
	named, err := jpegturbo.Open(t.Context(), jpegturbo.Options{})
	if err != nil || named.Origin != jpegturbo.OriginEnvironment || named.Version != "3.0.1" {
		t.Errorf("by the environment: %+v, %v", named, err)
	}
	data, err := os.ReadFile(pinned.Path)
	if err != nil {
		t.Fatal(err)
	}
	longer := filepath.Join(t.TempDir(), "longer.so") // which the loader does not mind
	if err := os.WriteFile(longer, append(data, 0), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv(jpegturbo.EnvLibrary, longer)
	if changed, err := jpegturbo.Open(t.Context(), jpegturbo.Options{}); err != nil || len(changed.Version) != 12 {
		t.Errorf("another library: %+v, %v", changed, err)
	}
	other := filepath.Join(t.TempDir(), "other.so")
	if err := os.WriteFile(other, []byte("no library"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{other, "/no/such/file", libc()} {
		t.Setenv(jpegturbo.EnvLibrary, path)
		if _, err := jpegturbo.Open(t.Context(), jpegturbo.Options{}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// libc returns the name of a library that does not decode JPEG.
func libc() string {
	if runtime.GOOS == "darwin" {
		return "libSystem.B.dylib"
	}
	return "libc.so.6"
}

// TestWithoutAnything has neither Maven nor a cache. Open must use the system's library, or
// return an error.
func TestWithoutAnything(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	lib, err := jpegturbo.Open(t.Context(), jpegturbo.Options{Fetch: true})
	if err == nil && lib.Origin != jpegturbo.OriginSystem {
		t.Errorf("got %+v", lib)
	}
	if err != nil && !strings.Contains(err.Error(), "Maven") && !strings.Contains(err.Error(), "there is no") {
		t.Errorf("the error does not help: %v", err)
	}
}

// TestDamagedCache checks that a library whose bytes changed is fetched again and not
// loaded.
func TestDamagedCache(t *testing.T) {
	pinned := jpegturbotest.Open(t)
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache) // macOS has its cache there
	t.Setenv("PATH", cache) // and there is no command to fetch with
	root, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(pinned.Path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	path := filepath.Join(root, "onnxlab", "libjpeg-turbo", filepath.Base(filepath.Dir(pinned.Path)), filepath.Base(pinned.Path))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if lib, err := jpegturbo.Open(t.Context(), jpegturbo.Options{}); err == nil && lib.Origin == jpegturbo.OriginCache {
		t.Error("the damaged library was loaded")
	}
}

// TestRefusals makes requests that no file can fulfil.
func TestRefusals(t *testing.T) {
	lib := jpegturbotest.Open(t)
	data, err := os.ReadFile("../testdata/turbo/420.jpg")
	if err != nil {
		t.Fatal(err)
	}
	right := jpegturbo.Request{Width: 157, Height: 211, Part: image.Rect(0, 0, 157, 211), Scale: 8, Memory: 1 << 20}
	if _, err := lib.Decode(data, right, nil); err != nil {
		t.Fatal(err)
	}
	progressive, err := os.ReadFile("../testdata/turbo/progressive.jpg")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		data   []byte
		change func(r *jpegturbo.Request)
		want   string
	}{
		{"empty", nil, func(*jpegturbo.Request) {}, "unexpected EOF"},
		{"cut short", data[:len(data)/2], func(*jpegturbo.Request) {}, "unexpected EOF"},
		{"no JPEG", []byte("GIF89a......"), func(*jpegturbo.Request) {}, "Not a JPEG file"},
		{"other size", data, func(r *jpegturbo.Request) { r.Width = 158 }, "it has two frames"},
		{"outside", data, func(r *jpegturbo.Request) { r.Part.Max.X++ }, "is not within"},
		{"scale", data, func(r *jpegturbo.Request) { r.Scale = 3 }, "scale 3"},
		{"memory", progressive, func(r *jpegturbo.Request) { r.Memory = 1 << 10 }, "ackingstore|acking store"},
	} {
		r := right
		c.change(&r)
		_, err := lib.Decode(c.data, r, nil)
		ok := false
		for text := range strings.SplitSeq(c.want, "|") {
			ok = ok || err != nil && strings.Contains(err.Error(), text)
		}
		if !ok {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}
