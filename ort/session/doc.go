// Package session runs models in ONNX Runtime: training artifacts with its
// training API, and inference models.
//
//	err := session.Open(ctx, session.LibraryOptions{})
//	defer session.Close()
//	artifacts, err := network.Artifacts(onnxmodels.TrainingOptions{Momentum: 0.9})
//	trainer, err := session.NewTrainer(session.Training{
//		Network: network, Artifacts: artifacts, BatchSize: 128,
//	}, session.Options{})
//	defer trainer.Close()
//	result, err := trainer.Step(images, labels, 0.1, 0)
//	report, err := trainer.Evaluate(ctx, set)
//	err = trainer.Save("checkpoint")
//
// "go doc" leaves out the example, which is a whole program: a network, images and a
// training loop, up to the trained model. It is in ort/session/example_test.go, and
// go test -v -run Example onnxlab/ort/session runs it.
//
// [Open] finds or fetches the native library, and nothing here works before it.
// A build without cgo has the same functions, but they return ErrNoCgo.
package session

import (
	"errors"
	"io"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/ort/lossscale"
)

// ErrNoCgo is the error of all sessions in a build without cgo.
var ErrNoCgo = errors.New("this build has no ONNX Runtime: it was made with CGO_ENABLED=0 (build it with CGO_ENABLED=1 and a C compiler)")

// LibraryOptions say which native library is wanted.
type LibraryOptions struct {
	// Library is the path of the library or of its folder, like the setting
	// runtime.library. If it is not empty, nothing is fetched; otherwise Open
	// finds or fetches a library.
	Library string
	// Device is where the library or the session computes; empty means the CPU.
	Device configs.Device
	// Progress shows the progress of a download: as a bar if it is a terminal,
	// otherwise as lines. Nil shows nothing.
	Progress io.Writer
}

// Options say where a session runs.
type Options struct {
	// Device is where the library or the session computes; empty means the CPU.
	Device configs.Device
	// Threads is the number of intra-operator threads; 0 means all cores that the
	// process may use.
	Threads int
	// TF32 lets "cuda" use TF32 in convolutions and matrix products.
	TF32 bool
	// Plain makes a Model use only ONNX Runtime's own operators.
	Plain bool
}

// Training is what a Trainer trains: a Network with its Artifacts, or artifacts as bytes.
type Training struct {
	// Network is the network to train, and Artifacts are its training artifacts. Fields
	// below that are empty are filled in from them.
	Network   *onnxmodels.Network
	Artifacts *onnxmodels.Artifacts
	// TrainingModel and OptimizerModel are the bytes of the artifacts, for example from
	// files. Together with Checkpoint they can be trained without a Network.
	TrainingModel, OptimizerModel []byte
	// Checkpoint is the state with which the training begins, as package checkpoint
	// encodes it. If there is a Network, nil means Network.Initialize(1).
	Checkpoint []byte
	// HasDropout is true if the training model has the input dropout_seed.
	HasDropout bool
	// Mixes is true if the training model has the inputs second_label and label_share.
	Mixes bool
	// Targets, if not 0, is the number of classes of a training model whose label is
	// float32 [batch, classes]: Artifacts.MultiLabel.
	Targets int
	// LossScale is the loss scale with which training in mixed precision begins; nil
	// if the training model does not scale its loss.
	LossScale *lossscale.Scale
	// Height and Width are the size of the images in pixels.
	Height, Width int
	// Channels is 3, or 1 if the images are grey; 0 means as many as Network has, or 3 without one.
	Channels int
	// Features, if not 0, is how many float32 values stand for each image: the training
	// model then has the input features (onnxmodels.Cut) instead of images.
	Features int
	// BatchSize is the number of images of an optimizer step. It may be 0 if the Artifacts
	// have a fixed batch size.
	BatchSize int
	// MicroBatch is how many of them go through the network at once; it
	// divides BatchSize. 0 means the fixed batch size of the Artifacts, or else BatchSize
	// divided by their number of micro-batches; without Artifacts, BatchSize.
	MicroBatch int
}

// Result is the result of one optimizer step.
type Result struct {
	// Loss is the mean loss of the batch before the step.
	Loss float64
	// Correct is how many images of the batch were classified correctly; with targets,
	// correctly in all classes.
	Correct int
	// Skipped is true if the step left the parameters as they are, because gradients in
	// mixed precision overflowed float16. The next step uses a smaller loss scale.
	Skipped bool
}
