//go:build unix

package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/internal/terminal"
)

// testBuild makes a small jar, and the build that would describe it if it were pinned.
func testBuild(t *testing.T) (b build, jar string) {
	t.Helper()
	b = build{goos: "linux", goarch: "amd64", device: configs.CPU, classifier: "test"}
	jar = makeZip(t, b.jarName(),
		entry{b.folder() + "/" + mainName, "main", 0}, entry{b.folder() + "/" + sharedName, "shared", 0})
	sum, err := durable.HashFile(jar)
	if err != nil {
		t.Fatal(err)
	}
	b.sha256 = sum
	return b, jar
}

// fakeMaven sets the PATH to a folder that contains only a fake Maven client, which
// runs the shell script. In it, $out is the folder to download to. The returned file
// gets a line for each call.
func fakeMaven(t *testing.T, script string) (calls string) {
	t.Helper()
	bin := t.TempDir()
	calls = filepath.Join(bin, "calls")
	text := fmt.Sprintf(`#!/bin/sh
PATH=/usr/bin:/bin
echo "$@" >>%q
for argument; do
	case $argument in -DoutputDirectory=*) out=${argument#*=} ;; esac
done
%s
`, calls, script)
	if err := os.WriteFile(filepath.Join(bin, "mvn"), []byte(text), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	return calls
}

// onlyLock fails the test if the cache holds anything but its lock and names.
func onlyLock(t *testing.T, c cache, names ...string) {
	t.Helper()
	if got, want := strings.Join(listNames(t, c.root), " "), strings.Join(append([]string{".lock"}, names...), " "); got != want {
		t.Errorf("the cache holds %q, want %q", got, want)
	}
}

func TestFetch(t *testing.T) {
	b, jar := testBuild(t)
	calls := fakeMaven(t, "cp '"+jar+"' \"$out\"")
	c := cache{filepath.Join(t.TempDir(), "with space", "ünïcode")}
	var talk bytes.Buffer
	library, err := c.fetch(t.Context(), terminal.Reporter{W: &talk}, b)
	if err != nil {
		t.Fatal(err)
	}
	if library.Path != filepath.Join(c.root, b.cacheName(), mainName) || library.manifest.Source != b.coordinates() {
		t.Errorf("library is %+v, from %q", library, library.manifest.Source)
	}
	if want := "fetching org.bytedeco:onnxruntime:1.28.0-1.5.14:jar:test (0 MB) with Maven\n"; talk.String() != want {
		t.Errorf("it says %q, want %q", talk.String(), want)
	}
	onlyLock(t, c, b.cacheName())
	line, err := os.ReadFile(calls)
	if err != nil || !strings.Contains(string(line), "-Dartifact="+b.coordinates()+" ") {
		t.Errorf("Maven was called with %q, error %v", line, err)
	}
	found, err := c.find(b)
	if err != nil || found.Path != library.Path {
		t.Errorf("afterwards find returns %+v, error %v", found, err)
	}
}

func TestFetchAtOnceDownloadsOnce(t *testing.T) {
	b, jar := testBuild(t)
	calls := fakeMaven(t, "sleep 0.3; cp '"+jar+"' \"$out\"")
	c := cache{t.TempDir()}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if library, err := c.fetch(t.Context(), terminal.Reporter{}, b); err != nil || library.Path == "" {
				t.Errorf("fetch returns %+v, error %v", library, err)
			}
		})
	}
	group.Wait()
	if data, err := os.ReadFile(calls); err != nil || bytes.Count(data, []byte("\n")) != 1 {
		t.Errorf("Maven was called with %q, error %v; want one call", data, err)
	}
	onlyLock(t, c, b.cacheName())
}

func TestFetchReplacesWhatIsDamaged(t *testing.T) {
	b, jar := testBuild(t)
	fakeMaven(t, "cp '"+jar+"' \"$out\"")
	c := cache{t.TempDir()}
	dir := filepath.Join(c.root, b.cacheName())
	damages := map[string]func(){
		"no manifest":    func() { os.Remove(filepath.Join(dir, manifestName)) },
		"empty manifest": func() { writeFile(t, filepath.Join(dir, manifestName), "") },
		"other manifest": func() { writeFile(t, filepath.Join(dir, manifestName), `{"library": "../../x"}`) },
		"no library":     func() { os.Remove(filepath.Join(dir, mainName)) },
		"short library":  func() { writeFile(t, filepath.Join(dir, mainName), "mai") },
		"other bytes":    func() { writeFile(t, filepath.Join(dir, mainName), "maim") },
		"empty folder":   func() { os.RemoveAll(dir); os.Mkdir(dir, 0o777) },
		"killed process": func() { writeFile(t, filepath.Join(c.root, ".tmp-0", "part"), "half") },
	}
	for name, damage := range damages {
		if _, err := c.fetch(t.Context(), terminal.Reporter{}, b); err != nil {
			t.Fatal(err)
		}
		damage()
		library, err := c.fetch(t.Context(), terminal.Reporter{}, b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := library.manifest.checkHashes(dir); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		onlyLock(t, c, b.cacheName())
	}
}

// TestSameLibraryStays: installing a library again does not replace its file by an
// equal one, because a program may have it open.
func TestSameLibraryStays(t *testing.T) {
	_, c := emptyCache(t)
	var before, after os.FileInfo
	for _, info := range []*os.FileInfo{&before, &after} {
		placeLibrary(t, c, "same")
		var err error
		if *info, err = os.Stat(filepath.Join(c.root, "same")); err != nil {
			t.Fatal(err)
		}
	}
	if !os.SameFile(before, after) {
		t.Error("the folder was replaced")
	}
	onlyLock(t, c, "same")
}

func TestFetchFailures(t *testing.T) {
	b, _ := testBuild(t)
	tests := map[string]struct{ script, want string }{
		"other bytes": {"echo other >\"$out/" + b.jarName() + "\"", "instead of " + b.sha256 + "; nothing was installed"},
		"no file":     {"", "no such file"},
		"offline": {
			"echo '[WARNING] slow'; echo '[ERROR] Could not find artifact'; echo '[ERROR] -> Help 1'; exit 1",
			"fetch " + b.coordinates() + " with Maven: Could not find artifact",
		},
		"no Java": {"echo 'JAVA_HOME is not set' >&2; exit 1", "with Maven: JAVA_HOME is not set"},
		"silent":  {"exit 7", "exit status 7"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fakeMaven(t, test.script)
			c := cache{t.TempDir()}
			_, err := c.fetch(t.Context(), terminal.Reporter{}, b)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "Help") {
				t.Errorf("error is %v, want %q in it", err, test.want)
			}
			onlyLock(t, c)
		})
	}
}

func TestFetchIsInterrupted(t *testing.T) {
	b, _ := testBuild(t)
	calls := fakeMaven(t, "exec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(calls); err == nil {
				cancel()
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	c := cache{t.TempDir()}
	began := time.Now()
	if _, err := c.fetch(ctx, terminal.Reporter{}, b); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want that of the context", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	onlyLock(t, c)
}

func TestWaitForTheCacheIsInterrupted(t *testing.T) {
	b, _ := testBuild(t)
	c := cache{t.TempDir()}
	unlock, err := c.lock(t.Context(), terminal.Reporter{})
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	var talk bytes.Buffer
	if _, err := c.fetch(ctx, terminal.Reporter{W: &talk}, b); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v, want that of the context", err)
	}
	if want := fmt.Sprintf("waiting for process %d, which is installing ONNX Runtime\n", os.Getpid()); talk.String() != want {
		t.Errorf("it says %q, want %q once", talk.String(), want)
	}
}

func TestFetchWhereNothingCanBeWritten(t *testing.T) {
	b, _ := testBuild(t)
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "")
	_, err := cache{filepath.Join(file, "cache")}.fetch(t.Context(), terminal.Reporter{}, b)
	if err == nil || !strings.Contains(err.Error(), "make the cache folder") || !strings.Contains(err.Error(), EnvLibrary) {
		t.Errorf("error is %v", err)
	}
}
