//go:build cgo

package session

import (
	"maps"
	"testing"
)

func TestCUDASettings(t *testing.T) {
	for _, c := range []struct {
		options Options
		how     search
		want    map[string]string
	}{
		{Options{Device: "cuda", TF32: true}, exhaustive, map[string]string{
			"use_tf32": "1", "cudnn_conv_algo_search": "EXHAUSTIVE", "cudnn_conv_use_max_workspace": "1",
		}},
		{Options{Device: "cuda"}, heuristic, map[string]string{
			"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC", "cudnn_conv_use_max_workspace": "1",
		}},
	} {
		if got := c.options.cudaSettings(c.how); !maps.Equal(got, c.want) {
			t.Errorf("%+v, %s: %v, want %v", c.options, c.how, got, c.want)
		}
	}
}
