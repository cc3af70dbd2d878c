//go:build !linux && !darwin

package processor

import "os"

// model is what Windows tells every process in this variable.
func model() string { return os.Getenv("PROCESSOR_IDENTIFIER") }
