// Package profile measures how long each operator of a model runs in ONNX
// Runtime, with ONNX Runtime's own profiler.
//
//	trace, err := profile.Run(ctx, model, feeds, []string{"loss"}, profile.Options{Runs: 5})
//
// With the binding, only inference sessions can be profiled. So a training model
// runs in an inference session: with the same graph, optimisations and kernels,
// and with its parameters and gradient buffers as inputs, as in a training
// session. The optimizer is not part of it.
//
// While Run starts a session, it sets an environment variable and the working
// folder of the process: nothing else should depend on these then.
package profile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"onnxlab/ort/session"
)

// Feeds are the bytes of a model's inputs, by name. Inputs that are not in it are
// filled with zeros.
type Feeds map[string][]byte

// Options say how a model is profiled.
type Options struct {
	// Session says where the model runs. On a GPU the profiler sees only the time
	// that it takes to launch the work.
	Session session.Options
	// Runs is the number of runs that are measured, at least 1.
	Runs int
}

// Trace says where the time of a run goes.
type Trace struct {
	// Seconds is the median duration of the measured runs.
	Seconds float64 `json:"seconds"`
	// Nodes are the nodes of the optimised graph in the order of their execution.
	Nodes []Node `json:"nodes"`
}

// Node is an operator of the graph as ONNX Runtime runs it.
type Node struct {
	Name     string `json:"name"`
	Operator string `json:"operator"`
	// Provider is the execution provider of ONNX Runtime that ran it, such as
	// configs.ProviderCPU.
	Provider string `json:"provider"`
	// Seconds is the median of the node's duration over the measured runs.
	Seconds float64 `json:"seconds"`
}

// event is an entry of a trace in Chrome's format. Times are in microseconds.
type event struct {
	Category string  `json:"cat"`
	Name     string  `json:"name"`
	Start    float64 `json:"ts"`
	Duration float64 `json:"dur"`
	Args     struct {
		Operator string `json:"op_name"`
		Provider string `json:"provider"`
	} `json:"args"`
}

// kernelSuffix ends the names of the events in which a node's kernel runs.
const kernelSuffix = "_kernel_time"

// parse reads a trace of ONNX Runtime and leaves out its first runs.
func parse(data []byte, warmup int) (Trace, error) {
	var events []event
	if err := json.Unmarshal(data, &events); err != nil {
		return Trace{}, fmt.Errorf("parse ONNX Runtime's trace: %w", err)
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.Start, b.Start) })
	var runs []event
	for _, e := range events {
		if e.Category == "Session" && e.Name == "model_run" {
			runs = append(runs, e)
		}
	}
	if len(runs) <= warmup {
		return Trace{}, fmt.Errorf("parse ONNX Runtime's trace: %d runs, want more than %d", len(runs), warmup)
	}
	runs = runs[warmup:]
	t := Trace{Seconds: medianSeconds(runs)}
	kernels := map[string][]event{}
	for _, e := range events {
		name, kernel := strings.CutSuffix(e.Name, kernelSuffix)
		if e.Category != "Node" || !kernel || e.Start < runs[0].Start {
			continue
		}
		if kernels[name] == nil {
			t.Nodes = append(t.Nodes, Node{Name: name, Operator: e.Args.Operator, Provider: e.Args.Provider})
		}
		kernels[name] = append(kernels[name], e)
	}
	for i := range t.Nodes {
		t.Nodes[i].Seconds = medianSeconds(kernels[t.Nodes[i].Name])
	}
	return t, nil
}

// medianSeconds returns the median of the events' durations. There must be an event.
func medianSeconds(events []event) float64 {
	durations := make([]float64, len(events))
	for i, e := range events {
		durations[i] = e.Duration
	}
	slices.Sort(durations)
	n := len(durations)
	return 1e-6 * (durations[(n-1)/2] + durations[n/2]) / 2
}
