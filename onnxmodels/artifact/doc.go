// Package artifact holds what ONNX Runtime's training API runs: the options of training,
// the files and their names, the optimizer's model, and the rules by which gradients
// change parameters.
//
// Network.Artifacts of package onnxmodels builds the training graph from layers. Where
// ONNX Runtime's own optimizer cannot take the step, it lets Update append the rule to
// that graph. A rule sees values and gradients alone and nothing of layers.
//
// What a rule remembers are tensors of the checkpoint whose names begin with StatePrefix.
package artifact
