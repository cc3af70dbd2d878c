//go:build !linux && !darwin

package rundir

import "os"

// cpuModel is what Windows tells every process.
func cpuModel() string { return os.Getenv("PROCESSOR_IDENTIFIER") }
