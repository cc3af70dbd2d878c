// Package artifact holds what ONNX Runtime's training API needs: the options of training,
// the files and their names, the optimizer's model, and the rules by which gradients
// change parameters.
//
// Network.Artifacts of package onnxmodels builds the training graph from layers. If ONNX
// Runtime's own optimizer cannot take the step, it calls [Update.Append] to append the
// optimizer's rule to that graph. A rule only sees values and gradients; it knows nothing
// of layers.
//
// The state of a rule, such as Adam's moments, is stored in tensors of the checkpoint
// whose names begin with StatePrefix.
package artifact
