package main

import (
	"testing"

	"onnxlab/configs"
)

func TestParallelCells(t *testing.T) {
	for _, c := range []struct {
		device         configs.Device
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

func TestStepsToTime(t *testing.T) {
	for batch, want := range map[int]int{1: 50, 16: 50, 128: 7, 512: 3, 8192: 3} {
		if got := stepsToTime(batch); got != want {
			t.Errorf("batch %d: %d steps, want %d", batch, got, want)
		}
	}
}
