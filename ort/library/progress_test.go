package library

import (
	"os"
	"path/filepath"
	"testing"

	"onnxlab/configs"
	"onnxlab/internal/terminal"
)

func TestLargestPart(t *testing.T) {
	a, b := t.TempDir(), filepath.Join(t.TempDir(), "missing")
	writeFile(t, filepath.Join(a, "x.jar.123.tmp"), "12345")
	writeFile(t, filepath.Join(a, "x.jar"), "123")
	writeFile(t, filepath.Join(a, "y.jar"), "1234567")
	if got := largestPart([]string{b, a}, "x.jar"); got != 5 {
		t.Errorf("largest part has %d bytes, want 5", got)
	}
}

func TestProgressElsewhereIsOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	b, err := buildFor("linux", "amd64", configs.CPU)
	if err != nil {
		t.Fatal(err)
	}
	stop := showDownload(terminal.Reporter{W: create(t, path)}, b, t.TempDir())
	stop()
	showDownload(terminal.Reporter{}, b, "")()
	data, err := os.ReadFile(path)
	want := "fetching org.bytedeco:onnxruntime:1.28.0-1.5.14:jar:linux-x86_64 (15 MB) with Maven\n"
	if err != nil || string(data) != want {
		t.Errorf("log holds %q, error %v; want %q", data, err, want)
	}
}
