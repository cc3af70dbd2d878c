//go:build unix

package library

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeSMI puts a shell script on the PATH as nvidia-smi. With an empty script
// there is none.
func fakeSMI(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if script == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte("#!/bin/sh\n"+script), 0o777); err != nil {
		t.Fatal(err)
	}
}

func TestFindGPUs(t *testing.T) {
	const query = `[ "$*" = "--query-gpu=name,memory.total,driver_version --format=csv,noheader" ] || exit 9
`
	for name, c := range map[string]struct {
		script string
		want   []GPU
		err    string
	}{
		"no command": {},
		"two": {
			script: query + "echo 'NVIDIA H100 80GB HBM3, 81559 MiB, 580.65.06'; echo 'Tesla T4, 15360 MiB, 580.65.06'",
			want:   []GPU{{"NVIDIA H100 80GB HBM3", "81559 MiB", "580.65.06"}, {"Tesla T4", "15360 MiB", "580.65.06"}},
		},
		"a driver without a GPU": {script: "echo 'No devices were found'; echo more; exit 6", err: "nvidia-smi: No devices were found (exit status 6)"},
		"silent":                 {script: "exit 0"},
		"other words":            {script: "echo hello", err: `line "hello" is not "name, memory, driver"`},
	} {
		t.Run(name, func(t *testing.T) {
			fakeSMI(t, c.script)
			got, err := findGPUs(t.Context())
			if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %+v, error %v; want %+v, error %q", got, err, c.want, c.err)
			}
		})
	}
}

// A GPU that hangs must not hang the program.
func TestFindGPUsGivesUp(t *testing.T) {
	fakeSMI(t, "/bin/sleep 60")
	begun := time.Now()
	_, err := findGPUs(t.Context())
	if took := time.Since(begun); err == nil || !strings.Contains(err.Error(), "did not answer") || took > smiTime+5*time.Second {
		t.Errorf("after %v: error %v", took, err)
	}
}
