package durable

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// processIdentity returns the fields Machine, Boot, Namespace and Began of a
// [Holder]. began is empty if no process with this number runs.
func processIdentity(pid int) (machine, boot, namespace, began string) {
	if text, err := os.ReadFile("/etc/machine-id"); err == nil {
		machine = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		boot = strings.TrimSpace(string(text))
	}
	namespace, _ = os.Readlink("/proc/self/ns/pid") // without /proc there is no identity at all
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return machine, boot, namespace, ""
	}
	// The name of the program stands in parentheses and may contain anything, so
	// count the fields after it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, startTime = 0, 19
	if len(fields) <= startTime || fields[state] == "Z" || fields[state] == "X" {
		return machine, boot, namespace, ""
	}
	return machine, boot, namespace, fields[startTime]
}
