package main

import (
	"testing"

	"onnxlab/configs"
)

func TestParallelCells(t *testing.T) {
	for _, c := range []struct {
		device         string
		threads, cores int
		want           int
	}{
		{"cpu", 1, 2, 2},
		{"cpu", 2, 8, 4},
		{"cpu", 3, 8, 2},
		{"cpu", 4, 2, 1},
		{"cpu", 0, 8, 1}, // a cell takes all cores
		{"cuda", 1, 8, 1},
	} {
		if got := parallelCells(configs.Runtime{Device: c.device, Threads: c.threads}, c.cores); got != c.want {
			t.Errorf("%s, %d threads, %d cores: %d cells at once, want %d", c.device, c.threads, c.cores, got, c.want)
		}
	}
}
