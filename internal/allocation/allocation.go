// Package allocation tells how many of the machine's processors the process may use. On Linux,
// its affinity, which batch systems and taskset set, says on which processors it may run. The
// quotas of its control groups limit how much of their time it gets. On other systems it may
// use all.
package allocation

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// CPUs returns how many logical processors the process may use at the same time, at least 1.
func CPUs() int {
	return max(min(runtime.NumCPU(), quota("/proc/self/cgroup", "/sys/fs/cgroup")), 1)
}

// Threads returns how many threads should compute: one for each core that the process may use.
// It returns 0 if the process may use the whole machine, because ONNX Runtime then chooses best
// itself, or if the system does not say which processors it may use.
func Threads() int {
	mine := affinity()
	if mine == nil {
		return 0
	}
	cpus := quota("/proc/self/cgroup", "/sys/fs/cgroup")
	if len(mine) >= online("/sys/devices/system/cpu/online") && cpus >= len(mine) {
		return 0
	}
	return max(min(cores(mine, "/sys/devices/system/cpu"), cpus), 1)
}

// cores counts the cores that the logical processors belong to: two processors may share one
// core.
func cores(cpus []int, root string) int {
	distinct := map[string]bool{}
	for _, cpu := range cpus {
		text, err := os.ReadFile(filepath.Join(root, "cpu"+strconv.Itoa(cpu), "topology", "thread_siblings_list"))
		if err != nil {
			text = []byte(strconv.Itoa(cpu))
		}
		distinct[strings.TrimSpace(string(text))] = true
	}
	return len(distinct)
}

// online counts the processors of the machine, which the file at path lists, as in "0-3,8".
func online(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return runtime.NumCPU()
	}
	n := 0
	for _, part := range strings.Split(strings.TrimSpace(string(text)), ",") {
		first, last, several := strings.Cut(part, "-")
		a, err := strconv.Atoi(first)
		b := a
		if several && err == nil {
			b, err = strconv.Atoi(last)
		}
		if err != nil {
			return runtime.NumCPU()
		}
		n += b - a + 1
	}
	return n
}

// quota returns how many processors' time the control groups of a process give it, rounded up:
// the least of what its own group and those around it give, in version 2 (cpu.max) and version
// 1 (cpu.cfs_quota_us). Without a limit it returns the largest int. groups is the file that
// lists the process's groups, and root the folder that contains all groups.
func quota(groups, root string) int {
	text, err := os.ReadFile(groups)
	if err != nil {
		return math.MaxInt
	}
	least := math.MaxInt
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.SplitN(line, ":", 3)
		if len(fields) != 3 {
			continue
		}
		base, read := root, quotaOfVersion2
		switch {
		case slices.Contains(strings.Split(fields[1], ","), "cpu"):
			base, read = filepath.Join(root, "cpu"), quotaOfVersion1
		case fields[1] != "":
			continue
		}
		for group := filepath.Join("/", fields[2]); ; group = filepath.Dir(group) {
			least = min(least, read(filepath.Join(base, group)))
			if group == filepath.Dir(group) {
				break
			}
		}
	}
	return least
}

func quotaOfVersion2(group string) int {
	text, err := os.ReadFile(filepath.Join(group, "cpu.max"))
	if err != nil {
		return math.MaxInt
	}
	fields := strings.Fields(string(text))
	if len(fields) != 2 {
		return math.MaxInt
	}
	return processors(fields[0], fields[1])
}

func quotaOfVersion1(group string) int {
	time, err := os.ReadFile(filepath.Join(group, "cpu.cfs_quota_us"))
	if err != nil {
		return math.MaxInt
	}
	period, err := os.ReadFile(filepath.Join(group, "cpu.cfs_period_us"))
	if err != nil {
		return math.MaxInt
	}
	return processors(strings.TrimSpace(string(time)), strings.TrimSpace(string(period)))
}

// processors returns how many processors can work all the time if their time in each period is
// limited, rounded up. Both are in microseconds. "max" and -1 mean no limit.
func processors(time, period string) int {
	t, err := strconv.ParseInt(time, 10, 64)
	if err != nil || t <= 0 {
		return math.MaxInt
	}
	p, err := strconv.ParseInt(period, 10, 64)
	if err != nil || p <= 0 {
		return math.MaxInt
	}
	return int((t + p - 1) / p)
}
