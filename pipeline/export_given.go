package main

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
)

// givenFlags describe a given model to train.
type givenFlags struct {
	model     string
	classes   int
	train     []string
	batchNorm string
	normalize string
	optimizer string
	loss      string
	untie     bool
}

func (f *givenFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.model, "model", "", "ONNX classifier to train instead of the experiment's network")
	flags.IntVar(&f.classes, "classes", 0, "with --model: replace the last layer by a new one with this many classes (default: keep the model's)")
	flags.StringArrayVar(&f.train, "train", nil, "with --model: parameters to train: all, head for the last layer, or a pattern of names; -PATTERN excludes parameters (repeatable; default all)")
	flags.StringVar(&f.batchNorm, "batchnorm", onnxmodels.BatchNormAuto, "with --model: mode of its BatchNormalization: auto, train or freeze")
	flags.StringVar(&f.normalize, "normalize", "", "with --model: take uint8 images, and normalise them before the model: 0..1, -1..1, 0..255, imagenet, MEAN,…/DEVIATION,… or auto (default: keep the model's own input)")
	flags.BoolVar(&f.untie, "untie", false, "with --model: give each layer of a model that has not been trained yet parameters of its own, as training does; exporters write equal tensors once, such as all scales of 1 of one size")
	flags.StringVar(&f.loss, "loss", configs.LossCrossEntropy, "with --model: "+strings.Join(losses, ", ")+"; with the last two, label is float32 [batch, classes], 1 for the classes that an image has and 0 for the others")
	flags.StringVar(&f.optimizer, "optimizer", configs.SGD, "with --model: "+strings.Join(optimizers, ", ")+"; --set optimizer.… sets its options. The default weight decay of adamw is 0.01, for all parameters")
}

// losses are the values of --loss, the same as those of the setting train.loss.
var losses = configs.Choices("train.loss")

// optimizers are the values of --optimizer, the same as those of the setting optimizer.kind.
var optimizers = configs.Choices("optimizer.kind")

// check checks the values, and refuses flags that need --model if it is not given.
func (f *givenFlags) check(flags *pflag.FlagSet) error {
	if !slices.Contains(optimizers, f.optimizer) {
		return cli.BadUsagef("--optimizer %q is none of %s", f.optimizer, strings.Join(optimizers, ", "))
	}
	if !slices.Contains(losses, f.loss) {
		return cli.BadUsagef("--loss %q is none of %s", f.loss, strings.Join(losses, ", "))
	}
	if f.classes < 0 || f.classes == 1 {
		return cli.BadUsagef("--classes %d: a classifier has at least 2", f.classes)
	}
	if f.model != "" {
		return nil
	}
	for _, name := range []string{"classes", "train", "batchnorm", "normalize", "optimizer", "loss", "untie"} {
		if flags.Changed(name) {
			return cli.BadUsagef("--%s needs --model", name)
		}
	}
	return nil
}

// settings returns the flags as settings of an experiment.
func (f *givenFlags) settings() configs.Model {
	m := configs.Model{
		Kind: configs.KindONNX, Path: f.model, Classes: f.classes, Head: configs.HeadAuto,
		Train: f.train, Normalize: f.normalize,
		BatchNorm: configs.BatchNorm{Mode: f.batchNorm},
	}
	if f.classes > 0 {
		m.Head = configs.HeadReplace
	}
	return m
}

// optimizerSettings returns the settings of the optimizer and of the loss. AdamW's are PyTorch's
// defaults, which decay all parameters.
func (f *givenFlags) optimizerSettings() []string {
	settings := []string{"optimizer.kind=" + f.optimizer, "train.loss=" + f.loss}
	if f.optimizer == configs.AdamW {
		settings = append(settings, "optimizer.weight_decay=0.01", "optimizer.decay_all=true")
	}
	return settings
}

// exportGiven writes the training artifacts of a given model.
func exportGiven(opts *exportArtifactsOptions, stdout io.Writer) error {
	if opts.Config != "" {
		return cli.BadUsage(errors.New("--model does not use an experiment: give either --model or --config"))
	}
	opts.Sets = append(opts.given.optimizerSettings(), opts.Sets...)
	experiment, err := opts.Load("optimizer", "train")
	if err != nil {
		return err
	}
	if err := opts.settleSize(configs.Experiment{Model: opts.given.settings()}); err != nil {
		return err
	}
	network, err := trainloop.Given(opts.given.settings(), opts.size.Height, opts.size.Width, opts.given.untie)
	if err != nil {
		return err
	}
	network = network.WithLoss(opts.given.loss).WithMultiLabel(opts.given.loss != configs.LossCrossEntropy)
	artifacts, err := trainloop.Artifacts(network, *experiment, opts.stepsPerEpoch, opts.target)
	if err != nil {
		return cli.BadDataf("model %q: %w", opts.given.model, err)
	}
	if err := artifacts.Write(opts.out, network.Initialize(experiment.Seed)); err != nil {
		return err
	}
	return opts.report(stdout, network, artifacts, *experiment)
}
