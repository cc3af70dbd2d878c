package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

func newExportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write training artifacts or an inference model",
		Args:  usageArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newExportArtifactsCommand(), newExportModelCommand())
	return cmd
}

type exportArtifactsOptions struct {
	experimentFlags
	out           string
	target        string
	size          imageSize
	stepsPerEpoch int
}

func newExportArtifactsCommand() *cobra.Command {
	var opts exportArtifactsOptions
	cmd := &cobra.Command{
		Use:   "artifacts",
		Short: "Write the training artifacts of an experiment",
		Long: `Write what any client of ONNX Runtime's training API needs to train the network
of an experiment: ` + onnxmodels.TrainingModelFile + `, ` + onnxmodels.EvalModelFile + `, ` + onnxmodels.OptimizerModelFile + ` and ` + onnxmodels.CheckpointFile + `
with the initial parameters.

The training model takes image (uint8 [batch, height, width, 3]), label (int64
[batch]) and learning_rate (float32 [1]), and gives loss and correct. The rate
scales the gradients: feed it with each micro-batch, divided by their number.
With --target cpu or cuda the batch is the experiment's micro-batch, else it is open.

With --target cuda and runtime.precision mixed_float16 it also takes loss_scale
(float32 [1]) and gives gradient_norm: leave out the optimizer's step and lower the
scale where that is not finite. Other targets are in float32.
` + exitHelp,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runExportArtifacts(&opts, cmd.OutOrStdout())
		},
	}
	opts.add(cmd)
	cmd.Flags().StringVar(&opts.out, "out", "", "directory to write into (required)")
	cmd.Flags().StringVar(&opts.target, "target", onnxmodels.TargetPortable, "device to write them for: "+strings.Join(onnxmodels.Targets(), ", "))
	opts.size.add(cmd.Flags())
	cmd.Flags().IntVar(&opts.stepsPerEpoch, "steps-per-epoch", 0, "steps of an epoch, which momentum correction needs")
	return cmd
}

func runExportArtifacts(opts *exportArtifactsOptions, stdout io.Writer) error {
	if opts.out == "" {
		return &usageError{fmt.Errorf("--out DIR is required")}
	}
	if !slices.Contains(onnxmodels.Targets(), opts.target) {
		return &usageError{fmt.Errorf("--target %q is none of %s", opts.target, strings.Join(onnxmodels.Targets(), ", "))}
	}
	if err := errors.Join(refuseOutput("out", filepath.Join(opts.out, onnxmodels.CheckpointFile)), refuseDeadLink("out", opts.out)); err != nil {
		return err
	}
	experiment, err := opts.load()
	if err != nil {
		return err
	}
	if experiment.Optimizer.MomentumCorrection && opts.stepsPerEpoch < 1 {
		return &usageError{fmt.Errorf("optimizer.momentum_correction puts the rates into the artifacts: --steps-per-epoch N is required")}
	}
	if err := settleClasses(experiment); err != nil {
		return err
	}
	network, err := trainloop.Network(*experiment, opts.size.height, opts.size.width)
	if err != nil {
		return &usageError{err}
	}
	artifacts, err := trainloop.Artifacts(network, *experiment, opts.stepsPerEpoch, opts.target)
	if err != nil {
		return err
	}
	if err := artifacts.Write(opts.out, network.Initialize(experiment.Seed)); err != nil {
		return err
	}
	total, trainable := network.Count()
	_, err = fmt.Fprintf(stdout, "%s: training artifacts of %d parameters, %d of them trainable\n", opts.out, total, trainable)
	return err
}

type exportModelOptions struct {
	run   string
	out   string
	input string
	fold  bool
	best  bool
}

func newExportModelCommand() *cobra.Command {
	var opts exportModelOptions
	cmd := &cobra.Command{
		Use:   "model",
		Short: "Write the inference model of a run",
		Long: `Write the network that a run has trained as an ONNX model for inference, with
the outputs logits and probabilities. The class names are in its metadata.

The input image is uint8 [batch, height, width, 3] as images are stored, or with
--input float32-nchw float32 [batch, 3, height, width] in 0..1.
` + exitHelp,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runExportModel(&opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	cmd.Flags().StringVar(&opts.run, "run", "", "run directory (required)")
	cmd.Flags().StringVar(&opts.out, "out", "", "file to write (required)")
	cmd.Flags().StringVar(&opts.input, "input", onnxmodels.InputUint8NHWC, onnxmodels.InputUint8NHWC+" or "+onnxmodels.InputFloat32NCHW)
	cmd.Flags().BoolVar(&opts.fold, "fold", true, "fold BatchNorm into the convolutions")
	cmd.Flags().BoolVar(&opts.best, "best", false, "take the checkpoint with the best validation accuracy, not the latest")
	return cmd
}

func runExportModel(opts *exportModelOptions, stdout, stderr io.Writer) error {
	if opts.run == "" || opts.out == "" {
		return &usageError{fmt.Errorf("--run DIR and --out FILE are required")}
	}
	if opts.input != onnxmodels.InputUint8NHWC && opts.input != onnxmodels.InputFloat32NCHW {
		return &usageError{fmt.Errorf("--input %q is neither %q nor %q", opts.input, onnxmodels.InputUint8NHWC, onnxmodels.InputFloat32NCHW)}
	}
	again := samePath(opts.out, rundir.Layout{Dir: opts.run}.Model()) && // the same as the run made it
		opts.input == onnxmodels.InputUint8NHWC && opts.fold && !opts.best
	if !again {
		if err := refuseOutput("out", opts.out); err != nil {
			return err
		}
	}
	model, path, err := trainedModel(opts.run, opts.best, onnxmodels.InferenceOptions{Input: opts.input, KeepBatchNorm: !opts.fold})
	if err != nil {
		return err
	}
	if err := onnxmodels.WriteModel(opts.out, model); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "from %s\n", path)
	_, err = fmt.Fprintln(stdout, opts.out)
	return err
}

// trainedModel makes an inference model of the best or the latest checkpoint of a run,
// with the names of its classes, and tells the path of its snapshot.
func trainedModel(dir string, best bool, o onnxmodels.InferenceOptions) (*onnxmodels.Model, string, error) {
	network, path, classes, err := trainedNetwork(dir, best)
	if err != nil {
		return nil, "", &dataError{err}
	}
	state, err := checkpoint.Read(snapshot.CheckpointPath(path))
	if err != nil {
		return nil, "", &dataError{err}
	}
	o.Classes = classes
	model, err := network.Inference(state, o)
	if err != nil {
		return nil, "", &dataError{fmt.Errorf("read %q: %w", snapshot.CheckpointPath(path), err)}
	}
	return model, path, nil
}

// trainedNetwork returns the network of a run, and the path of its snapshot
// and the names of its classes.
func trainedNetwork(dir string, best bool) (n *onnxmodels.Network, path string, classes []string, err error) {
	if err := checkRun(dir); err != nil {
		return nil, "", nil, err
	}
	experiment, err := rundir.ReadConfig(dir)
	if err != nil {
		return nil, "", nil, err
	}
	environment, err := rundir.ReadEnvironment(dir)
	if err != nil {
		return nil, "", nil, err
	}
	if best {
		path, err = trainloop.BestSnapshot(dir)
	} else {
		_, path, _, err = snapshot.Latest(rundir.Layout{Dir: dir}.Checkpoints())
	}
	if err != nil {
		return nil, "", nil, err
	}
	n, err = trainloop.Network(experiment, environment.Data.Height, environment.Data.Width)
	return n, path, environment.Data.Classes, err
}
