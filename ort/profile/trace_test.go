package profile

import (
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
)

// TestParse reads a trace of three runs, whose events are not in the order of
// time, as in ONNX Runtime's traces.
func TestParse(t *testing.T) {
	const trace = `[
{"cat":"Session","name":"session_initialization","ts":1,"dur":9,"args":{}},
{"cat":"Node","name":"a_kernel_time","ts":11,"dur":1000,"args":{"op_name":"Conv","provider":"CUDAExecutionProvider"}},
{"cat":"Session","name":"model_run","ts":10,"dur":5000,"args":{}},
{"cat":"Node","name":"b_fence_before","ts":6001,"dur":7,"args":{"op_name":"Relu","provider":"CPUExecutionProvider"}},
{"cat":"Node","name":"b_kernel_time","ts":6002,"dur":30,"args":{"op_name":"Relu","provider":"CPUExecutionProvider"}},
{"cat":"Node","name":"a_kernel_time","ts":6001,"dur":100,"args":{"op_name":"Conv","provider":"CUDAExecutionProvider"}},
{"cat":"Session","name":"model_run","ts":6000,"dur":200,"args":{}},
{"cat":"Node","name":"a_kernel_time","ts":7001,"dur":300,"args":{"op_name":"Conv","provider":"CUDAExecutionProvider"}},
{"cat":"Node","name":"b_kernel_time","ts":7301,"dur":50,"args":{"op_name":"Relu","provider":"CPUExecutionProvider"}},
{"cat":"Session","name":"model_run","ts":7000,"dur":400,"args":{}}
]`
	got, err := parse([]byte(trace), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []Node{{"a", "Conv", configs.ProviderCUDA, 200e-6}, {"b", "Relu", configs.ProviderCPU, 40e-6}}
	near := func(a, b Node) bool {
		return a.Name == b.Name && a.Operator == b.Operator && a.Provider == b.Provider && a.Seconds-b.Seconds < 1e-12 && b.Seconds-a.Seconds < 1e-12
	}
	if !slices.EqualFunc(got.Nodes, want, near) || !(got.Seconds > 299e-6 && got.Seconds < 301e-6) {
		t.Errorf("got %v, want 300e-6 s and %v", got, want)
	}
	if _, err := parse([]byte(trace), 3); err == nil || !strings.Contains(err.Error(), "3 runs, want more than 3") {
		t.Errorf("no run left: %v", err)
	}
	if _, err := parse([]byte(trace)[:50], 1); err == nil {
		t.Error("a trace that was cut off gave no error")
	}
}
