// Package checkpoint reads and writes the training checkpoints of ONNX
// Runtime: one FlatBuffers file that holds a network's parameters, trainable
// and frozen, and the state of its optimizer.
//
//	c, err := checkpoint.Read("checkpoint")
//	w := c.Parameter("dense.weight")
//	err = checkpoint.Write("copy", c)
//
// The format is that of onnxruntime/core/flatbuffers/schema's
// ort_training_checkpoint.fbs, version 2, identifier "ODTC". Only float32
// tensors inside the file are supported, which is what ONNX Runtime's
// optimizers need; external data is refused. Read does not trust the file:
// damage gives an error, and memory is bounded by the size of the file.
package checkpoint

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"onnxlab/internal/durable"
)

// Version is the only version of the format that ONNX Runtime accepts.
const Version = 2

// identifier are the bytes 4 to 8 of every file.
const identifier = "ODTC"

// floatType is the format's number for float32.
const floatType = 1

// Tensor is a named array of float32 in row-major order.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// Checkpoint is the content of a checkpoint file.
type Checkpoint struct {
	// Trainable are the parameters that the optimizer changes.
	Trainable []Tensor
	// Frozen are the others: the running statistics of BatchNorm.
	Frozen []Tensor
	// Optimizer is nil if the file holds no optimizer state.
	Optimizer *Optimizer
	// Properties are texts, integers and floating-point numbers that a user added.
	Properties Properties
}

// Optimizer is the state of the optimizer's only group, "group0".
type Optimizer struct {
	// Step counts the optimizer steps that were done.
	Step int64
	// InitialLearningRate is stored by ONNX Runtime but not used.
	InitialLearningRate float32
	// States are the momenta of each trainable parameter; none before the
	// first step.
	States []State
}

// State is the optimizer's memory of one parameter: for AdamWOptimizer the
// tensors "momentum0" and "momentum1".
type State struct {
	Parameter string
	Momenta   []Tensor
}

// Properties are the user's own entries, by name.
type Properties struct {
	Ints    map[string]int64
	Floats  map[string]float32
	Strings map[string]string
}

// Parameter returns the parameter of the name, trainable or frozen, or nil.
func (c *Checkpoint) Parameter(name string) *Tensor {
	for _, list := range [][]Tensor{c.Trainable, c.Frozen} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// Read reads the checkpoint file at path.
func Read(path string) (*Checkpoint, error) {
	data, err := durable.ReadPlain(path, math.MaxInt32)
	if err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	c, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("read checkpoint %q: %w", path, err)
	}
	return c, nil
}

// check returns an error if a tensor does not have as many elements as its shape says. Read would
// refuse such a file.
func (c *Checkpoint) check() error {
	if c == nil {
		return errors.New("there is no checkpoint")
	}
	lists := [][]Tensor{c.Trainable, c.Frozen}
	if c.Optimizer != nil {
		for _, s := range c.Optimizer.States {
			lists = append(lists, s.Momenta)
		}
	}
	for _, t := range slices.Concat(lists...) {
		size := 1
		for _, n := range t.Shape {
			size *= n
		}
		if size != len(t.Data) {
			return fmt.Errorf("tensor %q: shape %v needs %d elements, got %d", t.Name, t.Shape, size, len(t.Data))
		}
	}
	return nil
}

// Write writes c to path, atomically. It returns an error if a tensor's data does not fit its
// shape.
func Write(path string, c *Checkpoint) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("write checkpoint %q: %w", path, err)
	}
	return durable.WriteBytes(path, Encode(c))
}
