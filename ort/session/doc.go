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
// "go doc" leaves out the example, a whole program: a network, images and a loop of
// one's own, up to the trained model. It is in ort/session/example_test.go, and
// go test -v -run Example onnxlab/ort/session runs it.
//
// [Open] finds or fetches the native library, and nothing here works before it.
// A build without cgo has the same names, and they return ErrNoCgo.
package session

import (
	"errors"
	"io"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/ort/lossscale"
)

// ErrNoCgo is what sessions give in a build without cgo.
var ErrNoCgo = errors.New("this build has no ONNX Runtime: it was made with CGO_ENABLED=0 (build it with CGO_ENABLED=1 and a C compiler)")

// LibraryOptions say which native library is wanted.
type LibraryOptions struct {
	// Library is the path of the library or of the folder it is in, as the
	// setting runtime.library; nothing is fetched in its place. Empty: find or
	// fetch one.
	Library string
	// Device is where the library or the session computes; empty means the CPU.
	Device configs.Device
	// Progress is told about a download: by a bar if it is a terminal, else by
	// a line. Nil keeps it silent.
	Progress io.Writer
}

// Options say where a session runs.
type Options struct {
	// Device is where the library or the session computes; empty means the CPU.
	Device configs.Device
	// Threads is the number of intra-operator threads; 0 takes all cores that the
	// process may use.
	Threads int
	// TF32 lets "cuda" use TF32 in convolutions and matrix products.
	TF32 bool
	// Plain has a Model run in ONNX Runtime's own operators alone.
	Plain bool
}

// Training is what a Trainer trains: Network by its Artifacts, or artifacts as bytes.
type Training struct {
	// Network is what is trained, and Artifacts are its own. The fields that follow are
	// filled in from them where they are empty.
	Network   *onnxmodels.Network
	Artifacts *onnxmodels.Artifacts
	// TrainingModel and OptimizerModel are the artifacts' bytes, which together with
	// Checkpoint train without Network, as it is where they come from files.
	TrainingModel, OptimizerModel []byte
	// Checkpoint is where the training begins, as package checkpoint encodes it. Nil,
	// if there is a Network, means Network.Initialize(1).
	Checkpoint []byte
	// HasDropout tells that the training model has the input dropout_seed.
	HasDropout bool
	// Mixes tells that the training model has the inputs second_label and label_share.
	Mixes bool
	// Targets, if not 0, is the number of classes of a training model whose label is
	// float32 [batch, classes]: Artifacts.MultiLabel.
	Targets int
	// LossScale is where that of a training model of mixed precision begins; nil
	// for others.
	LossScale *lossscale.Scale
	// Height and Width are those of the images, in pixels.
	Height, Width int
	// Channels is 3, or 1 if the images are grey; 0 means those of Network, or 3 without one.
	Channels int
	// Features, if not 0, is how many float32 each image has in the training model's input
	// features (onnxmodels.Cut), which then takes the place of images.
	Features int
	// BatchSize is the number of images of an optimizer step. It may be left out if
	// the Artifacts are for one number of images alone.
	BatchSize int
	// MicroBatch is how many of them go through the network at once; it
	// divides BatchSize. 0 means BatchSize, or what the Artifacts are for.
	MicroBatch int
}

// Result is what one optimizer step shows.
type Result struct {
	// Loss is the mean loss of the batch before the step.
	Loss float64
	// Correct is how many images of the batch were classified right: of targets, in all
	// classes.
	Correct int
	// Skipped tells that the step left the parameters as they are, as gradients
	// of mixed precision went beyond float16: the next ones are scaled by less.
	Skipped bool
}
