package allocation

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// write writes the files into a new folder and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestQuota(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups string
		files  map[string]string
		want   int
	}{
		{"version 2", "0::/job/step\n", map[string]string{"job/step/cpu.max": "250000 100000\n", "job/cpu.max": "max 100000\n"}, 3},
		{"version 2, that around it", "0::/job/step\n", map[string]string{"job/step/cpu.max": "400000 100000\n", "job/cpu.max": "200000 100000\n"}, 2},
		{"version 2, half a processor", "0::/pod\n", map[string]string{"pod/cpu.max": "50000 100000\n"}, 1},
		{"version 2, no limit", "0::/job\n", map[string]string{"job/cpu.max": "max 100000\n"}, math.MaxInt},
		{"version 1", "4:memory:/job\n3:cpu,cpuacct:/job\n", map[string]string{
			"cpu/job/cpu.cfs_quota_us": "150000\n", "cpu/job/cpu.cfs_period_us": "50000\n",
		}, 3},
		{"version 1, no limit", "3:cpuacct,cpu:/job\n", map[string]string{
			"cpu/job/cpu.cfs_quota_us": "-1\n", "cpu/job/cpu.cfs_period_us": "100000\n",
		}, math.MaxInt},
		{"in a container, the host's path", "0::/kubepods/pod\n", map[string]string{"cpu.max": "100000 100000\n"}, 1},
		{"not of processors", "4:memory:/job\n", map[string]string{"cpu.max": "100000 100000\n"}, math.MaxInt},
		{"damaged", "0::/job\nno group\n", map[string]string{"job/cpu.max": "many 0 of them\n"}, math.MaxInt},
	} {
		root := write(t, c.files)
		groups := filepath.Join(write(t, map[string]string{"cgroup": c.groups}), "cgroup")
		if got := quota(groups, root); got != c.want {
			t.Errorf("%s: %d processors, want %d", c.name, got, c.want)
		}
	}
	if got := quota(filepath.Join(t.TempDir(), "missing"), t.TempDir()); got != math.MaxInt {
		t.Errorf("without control groups %d processors, want no limit", got)
	}
}

func TestCores(t *testing.T) {
	root := write(t, map[string]string{
		"cpu0/topology/thread_siblings_list": "0,4\n", "cpu4/topology/thread_siblings_list": "0,4\n",
		"cpu1/topology/thread_siblings_list": "1,5\n",
	})
	for _, c := range []struct {
		cpus []int
		want int
	}{{[]int{0, 1, 4}, 2}, {[]int{0, 4}, 1}, {[]int{1, 2, 3}, 3}} {
		if got := cores(c.cpus, root); got != c.want {
			t.Errorf("%v: %d cores, want %d", c.cpus, got, c.want)
		}
	}
}

func TestOnline(t *testing.T) {
	root := write(t, map[string]string{"a": "0-3,8\n", "b": "0\n", "c": "0-1,16-17,20\n"})
	for name, want := range map[string]int{"a": 5, "b": 1, "c": 5} {
		if got := online(filepath.Join(root, name)); got != want {
			t.Errorf("%s: %d processors, want %d", name, got, want)
		}
	}
}
