package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/rundir"
)

func newExportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write training artifacts or an inference model",
		Args:  cli.CheckArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newExportArtifactsCommand(), newExportModelCommand())
	return cmd
}

type exportModelOptions struct {
	cli.DataFlags
	run         string
	out         string
	input       string
	fold        bool
	best        bool
	fp16, int8  bool
	calibration int
}

func newExportModelCommand() *cobra.Command {
	var opts exportModelOptions
	cmd := &cobra.Command{
		Use:   "model",
		Short: "Write the inference model of a run",
		Long: `Write the network that a run has trained as an ONNX model for inference, with
the outputs logits and probabilities. The class names are in its metadata. The
parameters are those of the latest checkpoint or, with train.stop_restore_best, of the
checkpoint of the best epoch, as in the run's own model.onnx.

The input image is uint8 [batch, height, width, 3], as images are stored, or, with
--input float32-nchw, float32 [batch, 3, height, width] in 0..1. For a run of model.kind
onnx, --input own writes the given model with its new parameters, like the run's own
finetuned.onnx: its names, metadata and inputs stay the same.

--fp16 writes the network in float16, which halves the size of the file. Inputs and
outputs stay the same. GPUs and processors that compute in float16 are faster with it;
others convert the weights when they load the model, and are as fast as with float32.

--int8 writes it in 8-bit integers, with ONNX's pairs of QuantizeLinear and
DequantizeLinear (QDQ). The weights of convolutions and dense layers are int8, with a
scale for each channel; with few other parameters, the file has about a quarter of the
size. The scales of activations come from their ranges on the run's first training
images, as many as --calibration says. The accuracy on the validation images and the size
are printed next to those of the float32 model. --source, --data and --set choose other
images than the run's.
` + cli.ExitHelp,
		Example: `  pipeline export model --run runs/pets --out pets.onnx
  pipeline export model --run runs/pets --best --out pets-fp16.onnx --fp16
  pipeline export model --run runs/pets --out pets-int8.onnx --int8 --calibration 1000`,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runExportModel(cmd.Context(), &opts, cmd.Flags().Changed, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.Add(cmd, "data")
	flags := cmd.Flags()
	flags.StringVar(&opts.run, "run", "", "run directory (required)")
	flags.StringVar(&opts.out, "out", "", "file to write (required)")
	flags.StringVar(&opts.input, "input", onnxmodels.InputUint8NHWC, onnxmodels.InputUint8NHWC+", "+onnxmodels.InputFloat32NCHW+" or "+inputOwn)
	flags.BoolVar(&opts.fold, "fold", true, "fold BatchNorm into the convolutions")
	flags.BoolVar(&opts.best, "best", false, "use the checkpoint with the best validation accuracy")
	flags.BoolVar(&opts.fp16, "fp16", false, "compute in float16")
	flags.BoolVar(&opts.int8, "int8", false, "compute in 8-bit integers")
	flags.IntVar(&opts.calibration, "calibration", 500, "how many training images to measure ranges on for --int8")
	return cmd
}

// check returns an error if options contradict each other. changed tells whether a flag was given.
func (o *exportModelOptions) check(changed func(flag string) bool) error {
	switch {
	case o.run == "" || o.out == "":
		return fmt.Errorf("--run DIR and --out FILE are required")
	case !slices.Contains([]string{onnxmodels.InputUint8NHWC, onnxmodels.InputFloat32NCHW, inputOwn}, o.input):
		return fmt.Errorf("--input %q is none of %q, %q and %q", o.input, onnxmodels.InputUint8NHWC, onnxmodels.InputFloat32NCHW, inputOwn)
	case o.input == inputOwn && (o.fp16 || o.int8):
		return fmt.Errorf("--input %s keeps the precision of the given model: leave --fp16 and --int8 out", inputOwn)
	case o.fp16 && o.int8:
		return fmt.Errorf("--fp16 and --int8 are different precisions: leave one out")
	case o.int8 && !o.fold:
		return fmt.Errorf("--int8 folds BatchNorm: leave --fold=false out")
	case o.calibration < 1:
		return fmt.Errorf("--calibration: %d is below 1", o.calibration)
	}
	for _, flag := range []string{"config", "set", "source", "data", "calibration"} {
		if !o.int8 && changed(flag) {
			return fmt.Errorf("--%s says which images --int8 is calibrated on: leave it out, or give --int8", flag)
		}
	}
	return nil
}

func runExportModel(ctx context.Context, opts *exportModelOptions, changed func(string) bool, stdout, stderr io.Writer) error {
	if err := opts.check(changed); err != nil {
		return cli.BadUsage(err)
	}
	again := cli.SamePath(opts.out, rundir.Layout{Dir: opts.run}.Model()) && // the same file that the run wrote
		opts.input == onnxmodels.InputUint8NHWC && opts.fold && !opts.best && !opts.fp16 && !opts.int8
	if !again {
		if err := cli.RefuseOutput("out", opts.out); err != nil {
			return err
		}
	}
	if opts.int8 {
		return opts.exportInt8(ctx, stdout, stderr)
	}
	path, err := opts.write()
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "from %s\n", path)
	_, err = fmt.Fprintln(stdout, opts.out)
	return err
}

// write writes the model and returns the path of the snapshot that its parameters come from.
func (o *exportModelOptions) write() (path string, err error) {
	if o.input == inputOwn {
		return exportFineTuned(o)
	}
	model, path, err := cli.TrainedModel(o.run, o.best, o.inference())
	if err != nil {
		return "", err
	}
	return path, modelfile.Write(o.out, model)
}

// inference returns the options of the inference model to write.
func (o *exportModelOptions) inference() onnxmodels.InferenceOptions {
	options := onnxmodels.InferenceOptions{Input: o.input, KeepBatchNorm: !o.fold}
	if o.fp16 {
		options.Precision = onnxmodels.PrecisionFloat16
	}
	return options
}
