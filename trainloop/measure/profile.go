package measure

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/ort/lossscale"
	"onnxlab/ort/profile"
	"onnxlab/trainloop"
)

// StepProfile says where the time of a training step goes.
type StepProfile struct {
	// Measurement has the measurements of steps without the profiler.
	Measurement
	// GraphSeconds is the time of the forward and backward passes of a step under the
	// profiler. The rest of a step's time is the optimizer, feeding the images, and the
	// difference between the two measurements.
	GraphSeconds float64 `json:"graph_seconds"`
	// Operators and Layers sum up the nodes, the slowest first. In Layers, nodes that ONNX
	// Runtime inserted are under "(inserted)".
	Operators []Share `json:"operators"`
	Layers    []Share `json:"layers"`
	// Fallbacks has the nodes of a step on a GPU that run on the CPU, or that copy to it
	// and back.
	Fallbacks []profile.Node `json:"fallbacks"`
	// Nodes has the nodes of one pass of a micro-batch, in order.
	Nodes []profile.Node `json:"nodes"`
}

// Share is the part of a step's time that some nodes take, in seconds.
type Share struct {
	Name string `json:"name"`
	// Nodes is the number of nodes in the graph.
	Nodes    int     `json:"nodes"`
	Forward  float64 `json:"forward"`
	Backward float64 `json:"backward"`
}

// Seconds returns the time of both passes.
func (s Share) Seconds() float64 { return s.Forward + s.Backward }

// Profile measures this many steps as Steps does, and then runs their forward and backward
// passes again under ONNX Runtime's profiler. Package profile says what that changes in the
// process meanwhile.
func Profile(ctx context.Context, e configs.Experiment, height, width, steps int, target string) (p StepProfile, err error) {
	if p.Measurement, err = Steps(ctx, e, height, width, steps, target); err != nil {
		return p, err
	}
	prepared, err := trainloop.Prepare(e, height, width, target)
	if err != nil {
		return p, err
	}
	passes := p.BatchSize / p.MicroBatch
	trace, err := profile.Run(ctx, prepared.Artifacts.Training, profileFeeds(e, prepared.Network),
		[]string{onnxmodels.OutputLoss, onnxmodels.OutputCorrect},
		profile.Options{Session: trainloop.SessionOptions(e.Runtime), Runs: max(steps, 1) * passes})
	if err != nil {
		return p, err
	}
	p.GraphSeconds = trace.Seconds * float64(passes)
	p.Nodes = trace.Nodes
	if provider := e.Runtime.Device.Traits().Provider; provider != configs.ProviderCPU {
		p.Fallbacks = fallbacks(trace.Nodes, provider)
	}
	p.Operators = shares(trace.Nodes, passes, func(n profile.Node) string { return n.Operator })
	p.Layers = shares(trace.Nodes, passes, layerOf)
	return p, nil
}

// fallbacks returns the nodes that the provider does not run, or that only copy.
func fallbacks(nodes []profile.Node, provider string) (list []profile.Node) {
	for _, n := range nodes {
		if n.Provider != provider || strings.HasPrefix(n.Operator, "Memcpy") {
			list = append(list, n)
		}
	}
	return list
}

// floatBytes returns a list of float32 as the bytes of a tensor.
func floatBytes(list []float32) []byte {
	data := make([]byte, 0, 4*len(list))
	for _, x := range list {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return data
}

// profileFeeds returns the inputs of the training model as in the first step.
func profileFeeds(e configs.Experiment, n *onnxmodels.Network) profile.Feeds {
	height, width := n.Size()
	images, labels := randomBatch(e.Seed, trainloop.MicroBatch(e), height*width*n.Channels(), n.Classes())
	feeds := profile.Feeds{
		onnxmodels.InputImage:        images,
		onnxmodels.InputLearningRate: binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.001)),
		onnxmodels.InputLossScale:    binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(lossscale.New().Factor))),
		artifact.InputResetGrad:      {1},
	}
	for _, l := range labels {
		feeds[onnxmodels.InputLabel] = binary.LittleEndian.AppendUint64(feeds[onnxmodels.InputLabel], uint64(l))
		feeds[onnxmodels.InputLabelShare] = binary.LittleEndian.AppendUint32(feeds[onnxmodels.InputLabelShare], math.Float32bits(1))
	}
	feeds[onnxmodels.InputSecondLabel] = feeds[onnxmodels.InputLabel]
	if n.Features() > 0 {
		feeds[onnxmodels.InputFeatures] = floatBytes(randomFeatures(e.Seed, trainloop.MicroBatch(e)*n.Features()))
	}
	c := n.Initialize(e.Seed)
	for _, p := range slices.Concat(c.Trainable, c.Frozen) {
		feeds[p.Name] = floatBytes(p.Data)
	}
	return feeds
}

// shares sums up the nodes by key over the passes of a step, the slowest first.
func shares(nodes []profile.Node, passes int, key func(profile.Node) string) []Share {
	place := map[string]int{}
	var list []Share
	for _, n := range nodes {
		k := key(n)
		i, seen := place[k]
		if !seen {
			i = len(list)
			place[k] = i
			list = append(list, Share{Name: k})
		}
		list[i].Nodes++
		seconds := n.Seconds * float64(passes)
		if strings.HasPrefix(n.Name, artifact.BackwardPrefix) {
			list[i].Backward += seconds
		} else {
			list[i].Forward += seconds
		}
	}
	slices.SortStableFunc(list, func(a, b Share) int { return cmp.Compare(b.Seconds(), a.Seconds()) })
	return list
}

// inserted replaces the name of the layer for nodes that ONNX Runtime's optimizer made.
const inserted = "(inserted)"

// layerOf returns the layer that a node belongs to. Nodes are named after their layer, as
// in "stage1.conv2.more" or "pool1.more"; those that ONNX Runtime makes are named after
// their operator.
func layerOf(n profile.Node) string {
	if strings.HasPrefix(n.Name, n.Operator) {
		return inserted
	}
	parts := strings.Split(strings.TrimPrefix(n.Name, artifact.BackwardPrefix), ".")
	if strings.HasPrefix(parts[0], "stage") && len(parts) > 1 {
		return parts[0] + "." + parts[1]
	}
	return parts[0]
}
