// Package sysmem tells how much memory the process may take and has taken.
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

// Available returns how many bytes the system can give the process, as Linux and the
// limits of its control groups and of its Slurm job tell it. Elsewhere it is not known, and Available returns
// the largest number there is.
func Available() int64 {
	return min(freeMemory("/proc/meminfo"), groupMemory("/proc/self/cgroup", "/sys/fs/cgroup"), jobMemory(os.Getenv("SLURM_MEM_PER_NODE")))
}

// jobMemory is what Slurm lets a job have, in bytes: it kills one that takes more, also
// where it makes no control groups. It is given in megabytes, and empty outside of jobs.
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

// groupMemory is what the control groups of a process leave it: the least of
// its own and of those around it, in version 2 ("0::/path") and version 1
// ("5:memory:/path"). In a container the path may be that of the host, and the
// group's files those of the root.
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

// readBytes reads a file of one number; "max" is none.
func readBytes(path string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// pageCache is how much of a group's memory holds files that were read long
// ago, which the system takes back when it is needed.
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
