package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/pflag"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// givenFlags describe a model from outside that is to be trained.
type givenFlags struct {
	model     string
	train     []string
	batchNorm string
	normalize string
	optimizer string
}

func (f *givenFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.model, "model", "", "ONNX classifier to train, in place of the experiment's network")
	flags.StringArrayVar(&f.train, "train", nil, "with --model: parameters to train, by a pattern of their names, or all; -PATTERN takes some out again (repeatable; default all)")
	flags.StringVar(&f.batchNorm, "batchnorm", onnxmodels.BatchNormAuto, "with --model: auto, train or freeze its BatchNormalization")
	flags.StringVar(&f.normalize, "normalize", "", "with --model: take bytes, and put this normalisation before the model: 0..1, -1..1, 0..255 or imagenet (default: the model's own input)")
	flags.StringVar(&f.optimizer, "optimizer", optimizerSGD, "with --model: "+optimizerSGD)
}

// optimizerSGD is stochastic gradient descent with momentum.
const optimizerSGD = "sgd"

// check refuses what goes with --model alone.
func (f *givenFlags) check(flags *pflag.FlagSet) error {
	if f.optimizer != optimizerSGD {
		return &usageError{fmt.Errorf("--optimizer %q is not known; %s is", f.optimizer, optimizerSGD)}
	}
	if f.model != "" {
		return nil
	}
	for _, name := range []string{"train", "batchnorm", "normalize", "optimizer"} {
		if flags.Changed(name) {
			return &usageError{fmt.Errorf("--%s goes with --model", name)}
		}
	}
	return nil
}

// network reads the model as a network.
func (f *givenFlags) network(size imageSize) (*onnxmodels.Network, error) {
	m, err := modelfile.Read(f.model)
	if err != nil {
		return nil, &dataError{err}
	}
	read, err := importer.Read(m, importer.Options{Height: size.height, Width: size.width})
	if err != nil {
		return nil, &dataError{fmt.Errorf("read model %q: %w", f.model, err)}
	}
	o := onnxmodels.GivenOptions{Train: f.train, BatchNorm: f.batchNorm}
	if f.normalize != "" {
		n, err := onnxmodels.NormalizationNamed(f.normalize)
		if err != nil {
			return nil, &usageError{err}
		}
		o.Normalization = &n
	}
	network, err := onnxmodels.Given(read, o)
	if err != nil {
		return nil, &usageError{fmt.Errorf("model %q: %w", f.model, err)}
	}
	return network, nil
}

// exportGiven writes the training artifacts of a model from outside.
func exportGiven(opts *exportArtifactsOptions, stdout io.Writer) error {
	experiment, err := opts.load()
	if err != nil {
		return err
	}
	if slices.Contains(opts.sets, "") || opts.config != "" {
		return &usageError{errors.New("--model is trained without an experiment: give one of --model and --config")}
	}
	network, err := opts.given.network(opts.size)
	if err != nil {
		return err
	}
	artifacts, err := network.Artifacts(onnxmodels.TrainingOptions{Momentum: float32(experiment.Optimizer.Momentum), Target: opts.target})
	if err != nil {
		return &dataError{fmt.Errorf("model %q: %w", opts.given.model, err)}
	}
	if err := artifacts.Write(opts.out, network.Initialize(experiment.Seed)); err != nil {
		return err
	}
	experiment.Train.BatchSize, experiment.Train.Replicas, experiment.Train.MicroBatch = 1, 1, 1
	return opts.report(stdout, network, artifacts, *experiment)
}
