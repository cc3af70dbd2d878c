package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/ort/session"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
	"onnxlab/trainloop/measure"
)

type benchStepOptions struct {
	cli.ExperimentFlags
	model  string
	size   cli.ImageSize
	steps  int
	target string
	serve  bool

	profile bool
	json    bool
}

func newBenchStepCommand() *cobra.Command {
	var opts benchStepOptions
	cmd := &cobra.Command{
		Use:   "step",
		Short: "Time training steps",
		Long: `Time the training steps of an experiment on random images: forward and backward
pass, gradient accumulation and optimizer, without loading and augmenting. Then the
evaluation at the end of an epoch is timed too.

--model FILE times a given model, with images of the size that it takes. It is
short for --set model.kind=onnx --set model.path=FILE --set model.head=keep --set
model.normalize=0..1. Further --set flags may change these settings.

` + serveHelp + `
With --profile, ONNX Runtime's profiler measures how much time each operator and each
layer of the graph takes, while the whole graph runs on all threads. The optimizer is
not part of the graph. On a GPU the profiler sees only the time that it takes to launch
operators, not to compute them; the nodes that fell back to the CPU are listed.
` + cli.ExitHelp,
		Example: `  pipeline bench step --set model.widths=16,32,64 --profile
  pipeline bench step --model resnet18.onnx --set train.batch_size=32`,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.size.Left = !cmd.Flags().Changed("size")
			return runBenchStep(cmd.Context(), &opts, cmd.InOrStdin(), cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.Add(cmd)
	cmd.Flags().StringVar(&opts.model, "model", "", "ONNX file to train instead of the experiment's network")
	opts.size.Add(cmd.Flags())
	cmd.Flags().IntVar(&opts.steps, "steps", 10, "steps to time, after a first one")
	cmd.Flags().StringVar(&opts.target, "target", "", "target of the training graph: portable, cpu, native or cuda (default: that of the device)")
	cmd.Flags().BoolVar(&opts.serve, "serve", false, "do the steps that lines \"run N\" on standard input ask for")
	cmd.Flags().BoolVar(&opts.profile, "profile", false, "print where the time goes, and what does not run on the GPU")
	cmd.Flags().BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

// stepTargets returns the targets whose training graphs can be timed.
func stepTargets() []string { return append(onnxmodels.Targets(), onnxmodels.TargetNative) }

func runBenchStep(ctx context.Context, opts *benchStepOptions, stdin io.Reader, stdout, stderr io.Writer) error {
	if opts.steps < 1 {
		return cli.BadUsagef("--steps: %d is below 1", opts.steps)
	}
	if targets := stepTargets(); opts.target != "" && !slices.Contains(targets, opts.target) {
		return cli.BadUsagef("--target %q is none of %s", opts.target, strings.Join(targets, ", "))
	}
	experiment, err := opts.loadModel()
	if err != nil {
		return err
	}
	if opts.profile && opts.serve {
		return cli.BadUsage(errors.New("--profile cannot be used with --serve"))
	}
	if opts.target == "" {
		opts.target = experiment.Runtime.Device.Traits().Target
	}
	if opts.target != onnxmodels.TargetCUDA && experiment.Runtime.Precision == configs.MixedFloat16 {
		return cli.BadUsagef("--target %s supports only float32: leave --target out, or set runtime.precision to float32", opts.target)
	}
	if err := cli.OpenLibrary(ctx, experiment.Runtime, stderr); err != nil {
		return err
	}
	defer session.Close() // the process ends
	if opts.serve {
		s, err := measure.NewStepper(*experiment, opts.size.Height, opts.size.Width, opts.target)
		if err != nil {
			return err
		}
		return errors.Join(serveSteps(ctx, s.Step, stdin, stdout), s.Close())
	}
	if opts.profile {
		return profileStep(ctx, opts, *experiment, stdout)
	}
	m, err := measure.Steps(ctx, *experiment, opts.size.Height, opts.size.Width, opts.steps, opts.target)
	if err != nil {
		return err
	}
	if opts.json {
		return cli.PrintJSON(stdout, m)
	}
	return writeMeasurement(stdout, m)
}

// loadModel reads the experiment, with the model of --model, and determines the number of
// classes and the size of images.
func (o *benchStepOptions) loadModel() (*configs.Experiment, error) {
	if o.model != "" {
		o.Sets = append([]string{
			"model.kind=" + configs.KindONNX, "model.path=" + o.model, "model.head=" + configs.HeadKeep,
			"model.normalize=0..1",
		}, o.Sets...)
	}
	experiment, err := o.Load()
	if err != nil {
		return nil, err
	}
	if o.size.Left {
		height, width, err := trainloop.GivenSize(*experiment)
		if err != nil {
			return nil, err
		}
		if height > 0 {
			o.size.Height, o.size.Width = height, width
		}
	}
	if experiment.Model.Kind == configs.KindONNX && experiment.Model.Head == configs.HeadKeep {
		experiment.Model.Classes = 0 // as many as the file has, whatever the data has
		return experiment, nil
	}
	return experiment, cli.SettleClasses(experiment)
}

func writeMeasurement(w io.Writer, m measure.Measurement) error {
	_, err := fmt.Fprintf(w, "target %s, on the %s in %s: batch %d in micro-batches of %d: %.1f ms a step, %.0f images/s (median of %d), at most %.2f GB; evaluation %.0f images/s\n",
		m.Target, m.Device.Traits().Kind, m.Precision, m.BatchSize, m.MicroBatch, 1e3*m.SecondsPerStep, m.ImagesPerSecond, len(m.Seconds), float64(m.PeakBytes)/1e9, m.EvaluationImagesPerSecond)
	return err
}
