// Package profile tells how long each operator of a model runs in ONNX
// Runtime, by ONNX Runtime's own profiler.
//
//	trace, err := profile.Run(ctx, model, feeds, []string{"loss"}, profile.Options{Runs: 5})
//
// ONNX Runtime can profile inference sessions only as far as the binding
// reaches, so that a training model is run as one: the same graph, optimisations
// and kernels, with its parameters and gradient buffers fed as its training
// session feeds them. The optimizer is not part of it.
//
// Run sets an environment variable and the working folder of the process while
// it starts a session: nothing else should depend on these then.
package profile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"onnxlab/ort/session"
)

// Feeds are the bytes of a model's inputs, by name; inputs that are not there
// are zero.
type Feeds map[string][]byte

// Options say how a model is profiled.
type Options struct {
	// Session says what runs the model. A GPU only starts the work in the time
	// that the profiler sees.
	Session session.Options
	// Runs are those that count, at least 1.
	Runs int
}

// Trace is where the time of a run goes.
type Trace struct {
	// Seconds are those of a run, as a median over the runs, the first left out.
	Seconds float64 `json:"seconds"`
	// Nodes are those of the optimised graph, in the order of their execution.
	Nodes []Node `json:"nodes"`
}

// Node is an operator of the graph as ONNX Runtime runs it.
type Node struct {
	Name     string `json:"name"`
	Operator string `json:"operator"`
	// Provider is the execution provider of ONNX Runtime that ran it, such as
	// configs.ProviderCPU.
	Provider string `json:"provider"`
	// Seconds are those of a run, as a median over the runs.
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

// kernelSuffix ends the names of the events of nodes that computed.
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

// medianSeconds is the median of the events' durations, of which there is one.
func medianSeconds(events []event) float64 {
	durations := make([]float64, len(events))
	for i, e := range events {
		durations[i] = e.Duration
	}
	slices.Sort(durations)
	n := len(durations)
	return 1e-6 * (durations[(n-1)/2] + durations[n/2]) / 2
}
