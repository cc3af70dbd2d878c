package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/inspect"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
)

type exportArtifactsOptions struct {
	cli.ExperimentFlags
	out           string
	target        string
	size          cli.ImageSize
	stepsPerEpoch int
	json          bool
	given         givenFlags
}

func newExportArtifactsCommand() *cobra.Command {
	var opts exportArtifactsOptions
	cmd := &cobra.Command{
		Use:   "artifacts",
		Short: "Write the training artifacts of an experiment",
		Long: `Write what any client of ONNX Runtime's training API needs to train the network
of an experiment: ` + artifact.TrainingModelFile + `, ` + artifact.EvalModelFile + `, ` + artifact.OptimizerModelFile + ` and ` + artifact.CheckpointFile + `
with the initial parameters. Print the tensors that a client feeds and reads, with their
names, types and shapes, in the order of the API.

  training_model.onnx  inputs image (uint8 [batch, height, width, 3]), label (int64
  [batch]) and learning_rate (float32 [1]); outputs loss and
  correct (float32 scalars)
  eval_model.onnx      inputs image and label; outputs loss and correct; inside it,
  the logits are dense.out (float32 [batch, classes])
  optimizer_model.onnx used by ONNX Runtime itself

With every optimizer, feed learning_rate with each micro-batch: the rate divided by the
number of micro-batches in a step. The optimizer's own rate (set_learning_rate, a
scheduler) has no effect. The state of adam and adamw is in frozen parameters of the
checkpoint. Only with sgd and optimizer.momentum_correction does the optimizer model
hold the rates; then feed 1 as learning_rate.
With --target cpu or cuda the batch size is the experiment's micro-batch; otherwise it is
not fixed.

With --target cuda and runtime.precision mixed_float16, the training model also has the
input loss_scale (float32 [1]) and the output gradient_norm: if that is not finite, skip
the optimizer step and lower the scale. Other targets are in float32.

Given models keep their own names. With --model and without --normalize, the images are
the model's own input, in place of image, and in the model's own format. The logits of
every given model have another name than dense.out: use the one that is printed, which is
"logits" of --json, as in

  module.export_model_for_inferencing("model.onnx", ["/head/Gemm.out"])

A client in Python whose steps have one micro-batch (C, C++, C# and Java have the same
functions):

  import numpy as np
  from onnxruntime.training.api import CheckpointState, Module, Optimizer
  state = CheckpointState.load_checkpoint("DIR/checkpoint")
  module = Module("DIR/training_model.onnx", state, "DIR/eval_model.onnx")
  optimizer = Optimizer("DIR/optimizer_model.onnx", module)
  for image, label, rate in batches:
      module.train()
      loss, correct = module(image, label, np.array([rate], np.float32))
      optimizer.step()
      module.lazy_reset_grad()
  module.export_model_for_inferencing("model.onnx", ["dense.out"])
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opts.given.check(cmd.Flags()); err != nil {
				return err
			}
			return runExportArtifacts(&opts, cmd.OutOrStdout())
		},
	}
	opts.Add(cmd)
	opts.given.add(cmd.Flags())
	cmd.Flags().StringVar(&opts.out, "out", "", "directory to write into (required)")
	cmd.Flags().StringVar(&opts.target, "target", onnxmodels.TargetPortable, "target to write them for: "+strings.Join(onnxmodels.Targets(), ", "))
	cmd.Flags().Var(&opts.size, "size", "height and width of the images, in pixels, as 32x48, or 32 for both (default: the experiment's, or those that the given model takes)")
	cmd.Flags().IntVar(&opts.stepsPerEpoch, "steps-per-epoch", 0, "steps of an epoch; required if the optimizer model holds the rates")
	cmd.Flags().BoolVar(&opts.json, "json", false, "print the tensors as JSON")
	return cmd
}

func runExportArtifacts(opts *exportArtifactsOptions, stdout io.Writer) error {
	if opts.out == "" {
		return cli.BadUsagef("--out DIR is required")
	}
	if !slices.Contains(onnxmodels.Targets(), opts.target) {
		return cli.BadUsagef("--target %q is none of %s", opts.target, strings.Join(onnxmodels.Targets(), ", "))
	}
	if err := errors.Join(cli.RefuseOutput("out", filepath.Join(opts.out, artifact.CheckpointFile)), cli.RefuseDeadLink("out", opts.out)); err != nil {
		return err
	}
	if opts.given.model != "" {
		return exportGiven(opts, stdout)
	}
	experiment, err := opts.Load()
	if err != nil {
		return err
	}
	if experiment.Optimizer.HoldsRates() && opts.stepsPerEpoch < 1 {
		return cli.BadUsagef("optimizer.momentum_correction puts the rates into the artifacts: --steps-per-epoch N is required")
	}
	if err := cli.SettleClasses(experiment); err != nil {
		return err
	}
	if err := opts.settleSize(*experiment); err != nil {
		return err
	}
	network, err := trainloop.Network(*experiment, opts.size.Height, opts.size.Width)
	if err != nil {
		return cli.BadUsage(err)
	}
	artifacts, err := trainloop.Artifacts(network, *experiment, opts.stepsPerEpoch, opts.target)
	if err != nil {
		return err
	}
	if err := artifacts.Write(opts.out, network.Initialize(experiment.Seed)); err != nil {
		return err
	}
	return opts.report(stdout, network, artifacts, *experiment)
}

// settleSize sets the size of images if --size is not given: to that of the experiment's settings,
// or else to that which a given model takes.
func (o *exportArtifactsOptions) settleSize(e configs.Experiment) error {
	height, width, err := trainloop.GivenSize(e)
	if err != nil {
		return err
	}
	open := e.Model.Kind == configs.KindONNX && (height == 0 || width == 0)
	switch {
	case o.size != (cli.ImageSize{}):
		return o.size.RefuseOther(e.Model.Path, height, width)
	case open && (o.given.model != "" || e.Data.LeavesSize()):
		return cli.BadUsagef("model %q: %w: give --size", e.Model.Path, importer.ErrOpenSize)
	}
	if height == 0 || width == 0 || e.Data.Size != 0 || e.Data.Width != 0 {
		height, width = e.Data.Sides()
	}
	o.size = cli.ImageSize{Height: height, Width: width}
	return nil
}

// report prints the tensors that a client of the artifacts feeds and reads.
func (o *exportArtifactsOptions) report(stdout io.Writer, n *onnxmodels.Network, a *onnxmodels.Artifacts, e configs.Experiment) error {
	report := describeArtifacts(o.out, n, a, e)
	if o.json {
		return cli.PrintJSON(stdout, report)
	}
	return report.writeTable(stdout)
}

// artifactsReport describes artifacts to the author of a client.
type artifactsReport struct {
	// Directory is the directory of the artifacts.
	Directory  string `json:"directory"`
	Parameters int    `json:"parameters"`
	Trainable  int    `json:"trainable"`
	// MicroBatches is how many micro-batches make one optimizer step.
	MicroBatches int `json:"micro_batches"`
	// Logits is the tensor of the evaluation model to export an inference model with.
	Logits string            `json:"logits"`
	Models []artifactTensors `json:"models"`
}

// artifactTensors are the tensors of one model that a client can name, in the order of the API.
type artifactTensors struct {
	File    string           `json:"file"`
	Inputs  []artifactTensor `json:"inputs"`
	Outputs []artifactTensor `json:"outputs"`
	// Inside are values that are not outputs, but can be made outputs.
	Inside []artifactTensor `json:"inside,omitempty"`
}

// artifactTensor is a tensor and what it means.
type artifactTensor struct {
	inspect.ValueReport
	Meaning string `json:"meaning"`
}

func describeArtifacts(dir string, n *onnxmodels.Network, a *onnxmodels.Artifacts, e configs.Experiment) artifactsReport {
	r := artifactsReport{Directory: dir, MicroBatches: e.Train.BatchSize / trainloop.MicroBatch(e), Logits: a.Logits}
	r.Parameters, r.Trainable = n.Count()
	meanings := clientMeanings(a.Image, n.Channels(), r.MicroBatches, e.Optimizer.HoldsRates())
	if a.MultiLabel {
		meanings = multiLabelMeanings(meanings)
	}
	optimizer := tensorsOf(artifact.OptimizerModelFile, a.Optimizer, func(string) string { return "used by ONNX Runtime itself" })
	training := tensorsOf(artifact.TrainingModelFile, a.Training, meanings)
	eval := tensorsOf(artifact.EvalModelFile, a.Eval, meanings)
	eval.Inside = []artifactTensor{{
		inspect.ValueReport{Name: a.Logits, Type: fmt.Sprintf("float32[%s, %d]", onnxmodels.BatchSymbol, n.Classes())},
		"logits: the output to export an inference model with",
	}}
	r.Models = []artifactTensors{training, eval, optimizer}
	return r
}

// multiLabelMeanings changes meanings for images that may have several classes.
func multiLabelMeanings(meanings func(name string) string) func(name string) string {
	return func(name string) string {
		switch name {
		case onnxmodels.InputLabel:
			return "1 for the classes that an image has, 0 for the others"
		case onnxmodels.OutputCorrect:
			return "how many images are classified correctly in all classes"
		}
		return meanings(name)
	}
}

// clientMeanings returns a function that says what a tensor means that a client feeds or reads.
func clientMeanings(image string, channels, microBatches int, holdsRates bool) func(name string) string {
	rate, why := "learning rate of the step", ""
	if holdsRates {
		rate, why = "1", "; the optimizer model holds the rates"
	}
	if microBatches > 1 {
		rate = fmt.Sprintf("%s / %d", rate, microBatches)
		why += fmt.Sprintf("; %d micro-batches make a step", microBatches)
	}
	pixels := "pixels of red, green and blue"
	if channels == 1 {
		pixels = "grey pixels"
	}
	return func(name string) string {
		if name == image && name != onnxmodels.InputImage {
			return "images in the format of the given model"
		}
		return map[string]string{
			onnxmodels.InputImage:         "0..255, rows from the top, " + pixels,
			onnxmodels.InputLabel:         "class of each image, counted from 0",
			onnxmodels.InputSecondLabel:   "class of the image that is mixed into each image",
			onnxmodels.InputLabelShare:    "share of label, 0..1; second_label has the rest",
			onnxmodels.InputLearningRate:  rate + why,
			onnxmodels.InputDropoutSeed:   "seed of dropout, different for each step",
			onnxmodels.InputLossScale:     "factor of the loss before differentiation",
			onnxmodels.OutputLoss:         "mean loss of the batch",
			onnxmodels.OutputCorrect:      "how many images are classified correctly",
			onnxmodels.OutputGradientNorm: "not finite if loss_scale is too large",
		}[name]
	}
}

func tensorsOf(file string, m *modelfile.Model, meaning func(name string) string) artifactTensors {
	described := func(values []inspect.ValueReport) []artifactTensor {
		var list []artifactTensor
		for _, v := range values {
			list = append(list, artifactTensor{v, meaning(v.Name)})
		}
		return list
	}
	r := inspect.Model(m)
	return artifactTensors{File: file, Inputs: described(r.Inputs), Outputs: described(r.Outputs)}
}

func (r artifactsReport) writeTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s: training artifacts of %d parameters, %d of them trainable\n", r.Directory, r.Parameters, r.Trainable)
	fmt.Fprintf(t, "\nmodel\ttensor\tname\ttype\tmeaning\n")
	for _, m := range r.Models {
		for _, part := range []struct {
			name string
			list []artifactTensor
		}{{"input", m.Inputs}, {"output", m.Outputs}, {"inside", m.Inside}} {
			for _, v := range part.list {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", m.File, part.name, v.Name, v.Type, v.Meaning)
			}
		}
	}
	return t.Flush()
}
