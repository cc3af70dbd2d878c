package trainloop

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"onnxlab/configs"
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

// TestExplainMemory has ONNX Runtime's text, after which there is what to set for
// less at once: on a GPU the parts of a batch go through together, and where a
// micro-batch is set no number of replicas changes it.
func TestExplainMemory(t *testing.T) {
	const (
		problem = "Failed to allocate memory for requested buffer of size 5"
		raise   = "raise train.replicas, which computes its parts one after the other"
		set     = "set train.micro_batch to 16, which computes the parts one after the other"
		both    = "raise train.replicas and set train.micro_batch to the images of one, which computes its parts one after the other"
	)
	for _, c := range []struct {
		device          string
		replicas, micro int
		images, advice  string
	}{
		{"cpu", 8, 0, "16", raise},
		{"cpu", 8, 32, "32", set},
		{"cpu", 8, 16, "16", both},
		{"cpu", 1, 0, "128", raise},
		{"cuda", 8, 0, "128", set},
		{"cuda", 8, 16, "16", both},
		{"cuda", 1, 0, "128", both},
	} {
		e := configs.Default()
		e.Runtime.Device, e.Train.Replicas, e.Train.MicroBatch = c.device, c.replicas, c.micro
		want := "out of memory with " + c.images + " images at once: lower train.batch_size, or " + c.advice + " (" + problem + ")"
		if got := explainMemory(errors.New("somewhere/allocator.cc:376 "+problem), e); got.Error() != want {
			t.Errorf("%+v:\ngot  %v\nwant %s", c, got, want)
		}
	}
	if other := errors.New("another"); !errors.Is(explainMemory(other, configs.Default()), other) {
		t.Error("another error became one of memory")
	}
}
