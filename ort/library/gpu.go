package library

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// GPU is a graphics processor that NVIDIA's driver sees.
type GPU struct {
	Name string `json:"name"`
	// Memory is the size of its memory as nvidia-smi writes it, such as "81559 MiB".
	Memory string `json:"memory"`
	Driver string `json:"driver"`
}

// smiTime is how long nvidia-smi may take. It needs seconds if the driver has to be
// loaded, and never returns if a GPU hangs.
const smiTime = 5 * time.Second

// findGPUs asks nvidia-smi, which comes with the driver. If there is no such
// command, there are no GPUs. It returns an error if the command fails.
func findGPUs(ctx context.Context) ([]GPU, error) {
	path, err := exec.LookPath("nvidia-smi")
	if errors.Is(err, exec.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, smiTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
	cmd.WaitDelay = time.Second // processes that it started may keep its output open
	out, err := cmd.Output()
	switch text := strings.TrimSpace(string(out)); {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("nvidia-smi did not answer: %w", ctx.Err())
	case err != nil:
		// nvidia-smi writes its errors to standard output.
		first, _, _ := strings.Cut(text, "\n")
		return nil, fmt.Errorf("nvidia-smi: %s (%w)", first, err)
	default:
		return parseGPUs(text)
	}
}

// parseGPUs reads a line "name, memory, driver" for each GPU.
func parseGPUs(text string) (gpus []GPU, err error) {
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), ", ")
		if len(fields) != 3 {
			return nil, fmt.Errorf("nvidia-smi: line %q is not \"name, memory, driver\"", line)
		}
		gpus = append(gpus, GPU{Name: fields[0], Memory: fields[1], Driver: fields[2]})
	}
	return gpus, nil
}
