// Package sysmem tells how much memory the process may use and how much it has used.
package sysmem

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Available returns how many bytes the system can still give the process: the least of the free
// memory of Linux, the limits of the process's control groups and that of its Slurm job. On other
// systems it is unknown, and Available returns the largest int64.
func Available() int64 {
	return min(freeMemory("/proc/meminfo"), groupMemory("/proc/self/cgroup", "/sys/fs/cgroup"), jobMemory(os.Getenv("SLURM_MEM_PER_NODE")))
}

// jobMemory returns in bytes what Slurm lets a job use. Slurm kills a job that uses more, even
// where it has no control groups. The argument is the value of SLURM_MEM_PER_NODE, which is in
// MiB, and empty outside of jobs.
func jobMemory(megabytes string) int64 {
	n, err := strconv.ParseInt(megabytes, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64>>20 {
		return math.MaxInt64
	}
	return n << 20
}

// freeMemory reads MemAvailable of /proc/meminfo.
func freeMemory(path string) int64 {
	f, err := os.Open(path)
	if err != nil {
		return math.MaxInt64
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "MemAvailable:" {
			continue
		}
		if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			return kib * 1024
		}
	}
	return math.MaxInt64
}

// groupMemory returns how many bytes the control groups of a process leave it: the least of what
// its own group and those around it leave, in version 2 ("0::/path") and version 1
// ("5:memory:/path"). In a container the path may be the one on the host, while root has the
// files of the container's own group.
func groupMemory(groups, root string) int64 {
	text, err := os.ReadFile(groups)
	if err != nil {
		return math.MaxInt64
	}
	left := int64(math.MaxInt64)
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.SplitN(line, ":", 3)
		if len(fields) != 3 {
			continue
		}
		base, limit, usage := root, "memory.max", "memory.current"
		switch {
		case slices.Contains(strings.Split(fields[1], ","), "memory"):
			base, limit, usage = filepath.Join(root, "memory"), "memory.limit_in_bytes", "memory.usage_in_bytes"
		case fields[1] != "":
			continue
		}
		for group := filepath.Join("/", fields[2]); ; group = filepath.Dir(group) {
			most, limited := readBytes(filepath.Join(base, group, limit))
			used, _ := readBytes(filepath.Join(base, group, usage))
			if limited {
				left = min(left, max(most-used+pageCache(filepath.Join(base, group, "memory.stat")), 0))
			}
			if group == filepath.Dir(group) {
				break
			}
		}
	}
	return left
}

// readBytes reads a file with one number. It returns false for "max", which means no limit, and
// on errors.
func readBytes(path string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// pageCache returns how many bytes of a group's memory hold the contents of files that were not
// used for a while. The system frees them when it needs memory.
func pageCache(stat string) int64 {
	text, err := os.ReadFile(stat)
	if err != nil {
		return 0
	}
	var bytes int64
	for _, line := range strings.Split(string(text), "\n") {
		name, number, _ := strings.Cut(line, " ")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && (name == "inactive_file" || name == "total_inactive_file") {
			bytes = max(bytes, n)
		}
	}
	return bytes
}
