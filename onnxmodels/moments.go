package onnxmodels

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
)

// momentSuffix after the name of a running statistic gives the name of the output that holds the
// same statistic of one batch.
const momentSuffix = ".batch"

// Moments measures the running statistics of BatchNorm anew, on batches of images and with
// fixed parameters ("PreciseBN" of Wu and Johnson 2021, "Rethinking 'Batch' in BatchNorm",
// section 3). Run Model on each batch and pass its outputs to Add; then Statistics returns the
// statistics of all batches together.
type Moments struct {
	// Model has the input image, uint8 [batch, height, width, channels]. It normalises by the
	// batch, as in training, but drops nothing.
	Model *modelfile.Model
	// Outputs are the names of the model's outputs: for each BatchNorm, the mean and the biased
	// variance of its input, float32 [channels].
	Outputs []string

	batches float64
	sums    [][]float64 // the sums of μ and of μ² + σ² over the batches, in the order of Outputs
}

// ErrNoStatistics says that a network has no BatchNorm that normalises by the batch in training, so
// there is nothing to measure.
var ErrNoStatistics = errors.New("measure statistics: the network has no BatchNorm that normalises by the batch")

// Moments prepares a measurement of the running statistics of the network with the checkpoint's
// parameters. The options' target says where the model runs. It returns ErrNoStatistics for a
// network without BatchNorm, and other errors if the checkpoint belongs to another network or if
// the target is unknown.
func (n *Network) Moments(c *checkpoint.Checkpoint, o InferenceOptions) (*Moments, error) {
	if err := checkTarget(o.Target); err != nil {
		return nil, fmt.Errorf("measure statistics: %w", err)
	}
	b := newBuilder("moments")
	b.constants, b.measuring = c, true
	n.forward(b, n.prepare(b, n.input(b, InputUint8NHWC)))
	if err := b.Err(); err != nil {
		return nil, err
	}
	if len(b.Outputs) == 0 {
		return nil, ErrNoStatistics
	}
	m := &Moments{}
	b.Prune() // removes the layers after the last BatchNorm
	if o.Target != TargetNative {
		o.Target = TargetPortable // the same model serves all other targets
	}
	b.lower(o.Target, o.Block, n.given != nil)
	for i, out := range b.Outputs {
		m.Outputs = append(m.Outputs, b.measured[i]+momentSuffix)
		m.sums = append(m.sums, make([]float64, out.Size(0)))
		b.Rename(out, m.Outputs[i]) // only now, as lowering may have replaced the value
	}
	var err error
	m.Model, err = b.Model()
	return m, err
}

// measure normalises by the statistics of the whole batch and makes these statistics outputs.
func (n *norm) measure(x *graph.Value) *graph.Value {
	channels := int(x.Shape[1].Size)
	bn := n.BatchNormTraining(n.name, x, n.scale, n.bias, n.unused("mean", channels), n.unused("variance", channels), n.Epsilon)
	n.measured = append(n.measured, n.mean.Name, n.variance.Name)
	n.Output(bn.Mean)
	n.Output(bn.Variance)
	return bn.Y
}

// Add adds a batch: the outputs of the model for it, in the order of Outputs. All batches should
// have the same size, because each counts the same.
func (m *Moments) Add(values [][]float32) error {
	if len(values) != len(m.Outputs) {
		return fmt.Errorf("add moments: %d outputs, want %d", len(values), len(m.Outputs))
	}
	for i, v := range values {
		if len(v) != len(m.sums[i]) {
			return fmt.Errorf("add moments: %q has %d channels, want %d", m.Outputs[i], len(v), len(m.sums[i]))
		}
	}
	for i := 0; i < len(values); i += 2 {
		for c, mean := range values[i] {
			m.sums[i][c] += float64(mean)
			m.sums[i+1][c] += float64(mean)*float64(mean) + float64(values[i+1][c])
		}
	}
	m.batches++
	return nil
}

// Statistics returns the running statistics: the mean and the biased variance of all batches
// together, E[μ] and E[μ² + σ²] − E[μ]².
func (m *Moments) Statistics() []checkpoint.Tensor {
	var list []checkpoint.Tensor
	for i, sums := range m.sums {
		data := make([]float32, len(sums))
		for c, sum := range sums {
			x := sum / m.batches
			if i%2 == 1 {
				mean := m.sums[i-1][c] / m.batches
				x = math.Max(x-mean*mean, 0)
			}
			data[c] = float32(x)
		}
		list = append(list, checkpoint.Tensor{Name: strings.TrimSuffix(m.Outputs[i], momentSuffix), Shape: []int{len(data)}, Data: data})
	}
	return list
}
