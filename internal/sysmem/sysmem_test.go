package sysmem

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// TestGroupMemory reads the limits of control groups, of both versions, from
// planted files.
func TestGroupMemory(t *testing.T) {
	for name, test := range map[string]struct {
		groups string
		files  map[string]string
		want   int64
	}{
		"none":        {"", nil, math.MaxInt64},
		"no limit":    {"0::/a\n", map[string]string{"a/memory.max": "max\n", "a/memory.current": "5\n"}, math.MaxInt64},
		"version 2":   {"0::/a/b\n", map[string]string{"a/b/memory.max": "1000\n", "a/b/memory.current": "300\n"}, 700},
		"around it":   {"0::/a/b\n", map[string]string{"a/b/memory.max": "max\n", "a/memory.max": "1000\n", "a/memory.current": "400\n"}, 600},
		"container":   {"0::/host/path\n", map[string]string{"memory.max": "1000\n", "memory.current": "100\n"}, 900},
		"exhausted":   {"0::/\n", map[string]string{"memory.max": "1000\n", "memory.current": "1200\n"}, 0},
		"outside":     {"0::/../../a\n", map[string]string{"a/memory.max": "10\n"}, 10},
		"version 1":   {"9:cpu,cpuacct:/a\n5:memory:/a\n1:name=systemd:/a\n", map[string]string{"memory/a/memory.limit_in_bytes": "2000\n", "memory/a/memory.usage_in_bytes": "500\n"}, 1500},
		"1, no limit": {"5:memory:/\n", map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712\n"}, 9223372036854771712},
		"page cache":  {"0::/\n", map[string]string{"memory.max": "1000\n", "memory.current": "900\n", "memory.stat": "anon 200\ninactive_file 650\nactive_file 50\n"}, 750},
		"no numbers":  {"nonsense\n0::/a\n", map[string]string{"a/memory.max": "many\n"}, math.MaxInt64},
	} {
		root := t.TempDir()
		groups := filepath.Join(t.TempDir(), "cgroup")
		if err := os.WriteFile(groups, []byte(test.groups), 0o600); err != nil {
			t.Fatal(err)
		}
		for path, text := range test.files {
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := groupMemory(groups, root); got != test.want {
			t.Errorf("%s: %d bytes, want %d", name, got, test.want)
		}
	}
	if got := groupMemory(filepath.Join(t.TempDir(), "absent"), t.TempDir()); got != math.MaxInt64 {
		t.Errorf("without control groups: %d bytes", got)
	}
}

// TestJobMemory: numbers are a limit; anything else, and 0, means none.
func TestJobMemory(t *testing.T) {
	for text, want := range map[string]int64{"512": 512 << 20, "": math.MaxInt64, "0": math.MaxInt64, "all": math.MaxInt64, "9223372036854775807": math.MaxInt64} {
		if got := jobMemory(text); got != want {
			t.Errorf("%q: %d bytes, want %d", text, got, want)
		}
	}
}
