//go:build !linux && !darwin

package rundir

import "os"

// cpuModel returns the name of the processor on Windows, which sets this variable for every
// process.
func cpuModel() string { return os.Getenv("PROCESSOR_IDENTIFIER") }
