package processor

import "os"

func model() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	return fromCPUInfo(string(data))
}
