package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/processor"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/verify"
	"onnxlab/ort/session"
	"onnxlab/pipeline/internal/cli"
)

type verifyOptions struct {
	cli.DataFlags
	run, model      string
	best            bool
	count           int
	tolerance       float64
	tolerant        bool // --tolerance is given
	counted         bool // --count is given
	layers          bool
	json            bool
	size            cli.ImageSize
	record, against string
}

func newVerifyCommand() *cobra.Command {
	var opts verifyOptions
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare ONNX Runtime and pure Go on an exported model",
		Long: `Run an exported model in ONNX Runtime and in pure Go, where onnx-go decodes it, on
validation images, and compare the outputs. The command fails if a probability differs
by more than the tolerance, or a logit by more than the tolerance times the largest
logit. The default tolerance is 1e-05 (1e-06 for each layer with weights if there are
more than 10), 0.01 for models in float16, 0.05 for int8, and 0.0001 for given models,
which are deeper.

With --run, the model is the run's model.onnx, whose SHA-256 must be that in
summary.json, or, with --best, the model that 'export model --best' writes. The images
are those of the run. With --model, it is any ONNX classifier, and the images are those
of the run or of --config and --set. Without any of these, they are the synthetic set's,
or noise if the model takes images of another size.

A given model is compared exactly as it is in its file, on images of noise. Where 'predict'
and 'evaluate' run a model with onnxlab's own kernels, these are compared with pure Go,
too: their differences are in rows of their own.

--record writes ONNX Runtime's outputs and the images to a file. --against compares
pure Go with such a file, and needs neither the library nor the data.
` + cli.ExitHelp,
		Example: `  pipeline verify --run runs/quickstart/medium/16/seed-1 --layers
  pipeline verify --model model.onnx --source cifar10 --data cifar --count 100
  pipeline verify --run runs/quickstart/medium/16/seed-1 --record outputs.npz
  pipeline verify --model model.onnx --against outputs.npz`,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.tolerant = cmd.Flags().Changed("tolerance")
			opts.counted = cmd.Flags().Changed("count")
			return runVerify(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.Add(cmd, "data")
	flags := cmd.Flags()
	flags.StringVar(&opts.run, "run", "", "run directory")
	flags.StringVar(&opts.model, "model", "", "model file (default: the model of the run)")
	flags.BoolVar(&opts.best, "best", false, cli.BestHelp)
	flags.IntVar(&opts.count, "count", 32, "how many of the first validation images to use (default: 32, or all if there are fewer)")
	flags.Float64Var(&opts.tolerance, "tolerance", verify.Tolerance, "how far the outputs may differ")
	flags.Var(&opts.size, "size", "height and width of images in pixels, for a given model that accepts several sizes")
	flags.BoolVar(&opts.layers, "layers", false, "also compare the output of each node")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	flags.StringVar(&opts.record, "record", "", "write ONNX Runtime's outputs and the images to this .npz file")
	flags.StringVar(&opts.against, "against", "", "compare with this file, written by --record, instead of ONNX Runtime")
	return cmd
}

// check returns an error if options contradict each other.
func (o *verifyOptions) check() error {
	switch {
	case o.run == "" && o.model == "":
		return errors.New("--run DIR or --model FILE is required")
	case o.run != "" && o.Config != "":
		return errors.New("--run and --config both choose the images: leave one out")
	case o.model == "" && o.size != (cli.ImageSize{}):
		return fmt.Errorf("--size %s: it is for a given model (--model): the model of a run knows its size", &o.size)
	case o.best && (o.run == "" || o.model != ""):
		return cli.ErrBestOfNoRun
	case o.count < 1:
		return fmt.Errorf("--count: %d is below 1", o.count)
	case !(o.tolerance >= 0) || math.IsInf(o.tolerance, 0):
		return fmt.Errorf("--tolerance: %v is not a number that is 0 or greater", o.tolerance)
	case o.against != "" && (o.layers || o.record != ""):
		return errors.New("--against has only outputs: --layers and --record need ONNX Runtime")
	}
	return nil
}

func runVerify(ctx context.Context, opts *verifyOptions, stdout, stderr io.Writer) error {
	if err := opts.check(); err != nil {
		return cli.BadUsage(err)
	}
	if given, err := opts.verifyGiven(ctx, stdout, stderr); given {
		return err
	}
	s, err := opts.subject()
	if err != nil {
		return cli.BadData(err)
	}
	if opts.best {
		fmt.Fprintf(stderr, "from %s\n", s.path)
	}
	if err := cli.RefuseOutput("record", opts.record, s.path); err != nil {
		return err
	}
	report, err := opts.compare(ctx, s, stderr)
	if err != nil {
		return err
	}
	return opts.conclude(stdout, s, report)
}

// conclude prints the report, and fails if the runtimes disagree.
func (o *verifyOptions) conclude(stdout io.Writer, s subject, report verify.Report) error {
	failure := report.Err()
	if err := o.print(stdout, s, report, failure == nil); err != nil {
		return err
	}
	if failure != nil {
		return fmt.Errorf("verify %q: %w", s.path, failure)
	}
	return nil
}

// compare runs the model in both runtimes, or with --against only in pure Go.
func (o *verifyOptions) compare(ctx context.Context, s subject, stderr io.Writer) (verify.Report, error) {
	if o.against != "" {
		r, err := o.recording(s)
		if err != nil {
			return verify.Report{}, cli.BadData(err)
		}
		return o.compareWith(ctx, inORT{outputs: r.Outputs}, s, r.Images)
	}
	e, err := o.LoadOrOfRun(o.run)
	if err != nil {
		return verify.Report{}, err
	}
	images, err := o.images(ctx, e, s, stderr)
	if err != nil {
		return verify.Report{}, err
	}
	run, err := ortOutputs(ctx, o, e, s, images, stderr)
	if err != nil {
		return verify.Report{}, err
	}
	report, err := o.compareWith(ctx, run, s, images)
	if err != nil {
		return report, err
	}
	report.Layers = run.layers
	if o.record == "" {
		return report, nil
	}
	height, width := s.model.Size()
	r := verify.Recording{ModelSHA256: s.sha256, Height: height, Width: width, Channels: s.model.Channels(), Images: images, Outputs: run.outputs}
	return report, r.Write(o.record)
}

// inORT has the outputs of a model in ONNX Runtime: with its own operators and, unless native is
// nil, with onnxlab's kernels. layers compares its nodes if the options ask for that.
type inORT struct {
	outputs verify.Outputs
	native  *verify.Outputs
	layers  []verify.Layer
}

func (o *verifyOptions) compareWith(ctx context.Context, run inORT, s subject, images []uint8) (verify.Report, error) {
	pure, err := verify.Run(ctx, s.model, images)
	if err != nil {
		return verify.Report{}, cli.BadDataf("run %q in pure Go: %w", s.path, err)
	}
	report, err := verify.Compare(run.outputs, pure, o.tolerance)
	if err != nil || run.native == nil {
		return report, err
	}
	native, err := verify.Compare(*run.native, pure, o.tolerance)
	report.Native = &native
	return report, err
}

// recording reads the file of --against, which must have been recorded for this model.
func (o *verifyOptions) recording(s subject) (verify.Recording, error) {
	r, err := verify.ReadRecording(o.against)
	if err != nil {
		return r, err
	}
	if height, width := s.model.Size(); r.ModelSHA256 != s.sha256 || r.Height != height || r.Width != width || r.Channels != s.model.Channels() {
		return r, fmt.Errorf("%q was recorded for another model than %q: its SHA-256 was %s, this one's is %s",
			o.against, s.path, r.ModelSHA256, s.sha256)
	}
	return r, nil
}

// images returns the first validation images. They must have the size that the model
// takes.
func (o *verifyOptions) images(ctx context.Context, e *configs.Experiment, s subject, stderr io.Writer) ([]uint8, error) {
	height, width := s.model.Size()
	e.Data.SettleSize(height, width)
	validation, err := cli.LoadSplit(ctx, e.Data, stderr, dataset.Validation)
	if err != nil {
		return nil, err
	}
	if h, w := validation.Size(); h != height || w != width {
		if o.run == "" && o.Config == "" && len(o.Sets) == 0 {
			return noise(o.count * height * width * 3), nil // no flag chooses images
		}
		return nil, cli.BadDataf("the validation images have %dx%d pixels, but the model %q takes %dx%d (--set data.size=%d --set data.width=%d resizes those of folders)",
			h, w, s.path, height, width, height, width)
	}
	count := o.count
	switch available := validation.Len(); {
	case available < count && o.counted:
		return nil, cli.BadDataf("%d validation images wanted, %d available: give --count %d", count, available, available)
	case available < count:
		count = available
	}
	if err := validation.Head(count).Draw(ctx); err != nil {
		return nil, err
	}
	return validation.WithChannels(s.model.Channels()).ReadImages(ctx, 0, count, nil)
}

// noise returns random bytes, the same on each call.
func noise(n int) []uint8 {
	random, bytes := rand.New(rand.NewPCG(1, 0)), make([]uint8, n)
	for i := range bytes {
		bytes[i] = uint8(random.UintN(256))
	}
	return bytes
}

func (o *verifyOptions) print(w io.Writer, s subject, r verify.Report, agree bool) error {
	if o.json {
		return cli.PrintJSON(w, struct {
			Model       string `json:"model"`
			ModelSHA256 string `json:"model_sha256"`
			Agree       bool   `json:"agree"`
			Processor   string `json:"processor"`
			Kernels     string `json:"kernels"`
			verify.Report
		}{s.path, s.sha256, agree, processor.Model(), o.kernels(), r})
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Layers) > 0 {
		fmt.Fprintln(t, "layer\tshape\tlargest difference\tmean\tlargest value")
		for _, l := range r.Layers {
			shape := strings.Trim(strings.ReplaceAll(fmt.Sprint(l.Shape), " ", "x"), "[]")
			fmt.Fprintf(t, "%s\t%s\t%.2e\t%.2e\t%.4g\n", l.Name, shape, l.Largest, l.Mean, l.Scale)
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t, "output\tlargest difference\tmean\tlargest value\tsample\tclass")
	type row struct {
		name string
		verify.Difference
	}
	rows := []row{{onnxmodels.OutputProbabilities, r.Probabilities}, {onnxmodels.OutputLogits, r.Logits}}
	if r.Native != nil {
		rows = append(rows, row{onnxmodels.OutputProbabilities + ", kernels", r.Native.Probabilities}, row{onnxmodels.OutputLogits + ", kernels", r.Native.Logits})
	}
	for _, d := range rows {
		fmt.Fprintf(t, "%s\t%.2e\t%.2e\t%.4g\t%d\t%d\n", d.name, d.Largest, d.Mean, d.Scale, d.Sample, d.Class)
	}
	verdict := map[bool]string{true: "the runtimes agree", false: "the runtimes disagree"}[agree]
	fmt.Fprintf(t, "\n%s on %d images; tolerance %.3g\n", verdict, r.Samples, r.Tolerance)
	if on := processor.Model(); on != "" {
		if kernels := o.kernels(); kernels != "" {
			on += " with kernels for " + kernels
		}
		fmt.Fprintf(t, "on %s\n", on)
	}
	return t.Flush()
}

// kernels is the instruction set of onnxlab's kernels where they ran in ONNX Runtime.
func (o *verifyOptions) kernels() string {
	if o.against != "" {
		return "" // ONNX Runtime did not run
	}
	return session.Kernels()
}
