package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/modelfile"
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
the outputs logits and probabilities. The class names are in its metadata. The
parameters are those of the latest checkpoint, or with train.stop_restore_best of
that of the best epoch, as in the run's own model.onnx.

The input image is uint8 [batch, height, width, 3] as images are stored, or with
--input float32-nchw float32 [batch, 3, height, width] in 0..1. With --input own, of a
run of model.kind onnx, it is the model that was given with its new parameters, as
the run's own finetuned.onnx: names, metadata and inputs as they were.
` + exitHelp,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runExportModel(&opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	cmd.Flags().StringVar(&opts.run, "run", "", "run directory (required)")
	cmd.Flags().StringVar(&opts.out, "out", "", "file to write (required)")
	cmd.Flags().StringVar(&opts.input, "input", onnxmodels.InputUint8NHWC, onnxmodels.InputUint8NHWC+", "+onnxmodels.InputFloat32NCHW+" or "+inputOwn)
	cmd.Flags().BoolVar(&opts.fold, "fold", true, "fold BatchNorm into the convolutions")
	cmd.Flags().BoolVar(&opts.best, "best", false, "take the checkpoint with the best validation accuracy")
	return cmd
}

func runExportModel(opts *exportModelOptions, stdout, stderr io.Writer) error {
	if opts.run == "" || opts.out == "" {
		return &usageError{fmt.Errorf("--run DIR and --out FILE are required")}
	}
	if !slices.Contains([]string{onnxmodels.InputUint8NHWC, onnxmodels.InputFloat32NCHW, inputOwn}, opts.input) {
		return &usageError{fmt.Errorf("--input %q is none of %q, %q and %q", opts.input, onnxmodels.InputUint8NHWC, onnxmodels.InputFloat32NCHW, inputOwn)}
	}
	again := samePath(opts.out, rundir.Layout{Dir: opts.run}.Model()) && // the same as the run made it
		opts.input == onnxmodels.InputUint8NHWC && opts.fold && !opts.best
	if !again {
		if err := refuseOutput("out", opts.out); err != nil {
			return err
		}
	}
	path, err := opts.write()
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "from %s\n", path)
	_, err = fmt.Fprintln(stdout, opts.out)
	return err
}

// write writes the model, and tells the path of the snapshot that it is of.
func (o *exportModelOptions) write() (path string, err error) {
	if o.input == inputOwn {
		return exportFineTuned(o)
	}
	model, path, err := trainedModel(o.run, o.best, onnxmodels.InferenceOptions{Input: o.input, KeepBatchNorm: !o.fold})
	if err != nil {
		return "", err
	}
	return path, modelfile.Write(o.out, model)
}

// trainedModel makes an inference model of the best or the latest checkpoint of a run,
// with the names of its classes, and tells the path of its snapshot.
func trainedModel(dir string, best bool, o onnxmodels.InferenceOptions) (*modelfile.Model, string, error) {
	network, path, classes, err := trainedNetwork(dir, best)
	if err != nil {
		return nil, "", &dataError{err}
	}
	state, err := snapshot.Parameters(path)
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
		path, err = rundir.BestSnapshot(dir)
	} else {
		path, err = trainloop.TrainedSnapshot(dir)
	}
	if err != nil {
		return nil, "", nil, err
	}
	n, err = trainloop.Network(experiment, environment.Data.Height, environment.Data.Width)
	return n, path, environment.Data.Classes, err
}
