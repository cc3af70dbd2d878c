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
	tolerant        bool // the tolerance is given
	counted         bool // the count is given
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
validation images, and compare what they give. A probability that differs by more
than the tolerance, or a logit by more than it of the largest logit, fails. The
tolerance is 1e-05 (of more than 10 layers with weights, 1e-06 for each), of models in
float16 0.01, in int8 0.05 and of given models, which are deeper, 0.0001,
unless --tolerance says otherwise.

With --run the model is the run's model.onnx, which must be the one that its
summary.json names, or with --best the one that export model --best writes, and the
images are the run's. With --model it is any ONNX classifier, on the
images of the run or of --config and --set; without any, on noise where the model
takes images of another size than the synthetic set's.

A given model is compared as its file has it, on images of noise.

--record keeps ONNX Runtime's outputs and the images in a file. --against compares
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
	flags.StringVar(&opts.model, "model", "", "model file (default: that of the run)")
	flags.BoolVar(&opts.best, "best", false, cli.BestHelp)
	flags.IntVar(&opts.count, "count", 32, "how many validation images to take, the first ones; fewer if there are no more and this is not given")
	flags.Float64Var(&opts.tolerance, "tolerance", verify.Tolerance, "how far the runtimes may be apart")
	flags.Var(&opts.size, "size", "height and width of images in pixels, for a given model that leaves them open")
	flags.BoolVar(&opts.layers, "layers", false, "compare what each node gives, too")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	flags.StringVar(&opts.record, "record", "", "write ONNX Runtime's outputs and the images to this .npz file")
	flags.StringVar(&opts.against, "against", "", "compare with this file, which --record wrote, instead of ONNX Runtime")
	return cmd
}

// check tells which options do not go together.
func (o *verifyOptions) check() error {
	switch {
	case o.run == "" && o.model == "":
		return errors.New("--run DIR or --model FILE is required")
	case o.run != "" && o.Config != "":
		return errors.New("--run and --config both say which images to take: leave one out")
	case o.best && (o.run == "" || o.model != ""):
		return cli.ErrBestOfNoRun
	case o.count < 1:
		return fmt.Errorf("--count: %d is below 1", o.count)
	case !(o.tolerance >= 0) || math.IsInf(o.tolerance, 0):
		return fmt.Errorf("--tolerance: %v is no number from 0 on", o.tolerance)
	case o.against != "" && (o.layers || o.record != ""):
		return errors.New("--against has the outputs alone: --layers and --record need ONNX Runtime")
	}
	return nil
}

func runVerify(ctx context.Context, opts *verifyOptions, stdout, stderr io.Writer) error {
	if err := opts.check(); err != nil {
		return cli.BadUsage(err)
	}
	if own, err := opts.verifyOwn(ctx, stdout, stderr); own {
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

// compare runs the model in both runtimes, or in pure Go alone.
func (o *verifyOptions) compare(ctx context.Context, s subject, stderr io.Writer) (verify.Report, error) {
	if o.against != "" {
		r, err := o.recording(s)
		if err != nil {
			return verify.Report{}, cli.BadData(err)
		}
		return o.compareWith(ctx, r.Outputs, s, r.Images)
	}
	e, err := o.LoadOrOfRun(o.run)
	if err != nil {
		return verify.Report{}, err
	}
	images, err := o.images(ctx, e, s, stderr)
	if err != nil {
		return verify.Report{}, err
	}
	native, layers, err := nativeOutputs(ctx, o, e, s, images, stderr)
	if err != nil {
		return verify.Report{}, err
	}
	report, err := o.compareWith(ctx, native, s, images)
	if err != nil {
		return report, err
	}
	report.Layers = layers
	if o.record == "" {
		return report, nil
	}
	height, width := s.model.Size()
	r := verify.Recording{ModelSHA256: s.sha256, Height: height, Width: width, Channels: s.model.Channels(), Images: images, Outputs: native}
	return report, r.Write(o.record)
}

func (o *verifyOptions) compareWith(ctx context.Context, native verify.Outputs, s subject, images []uint8) (verify.Report, error) {
	own, err := verify.Run(ctx, s.model, images)
	if err != nil {
		return verify.Report{}, cli.BadDataf("run %q in pure Go: %w", s.path, err)
	}
	return verify.Compare(native, own, o.tolerance)
}

// recording reads the file of --against, which must be of this model.
func (o *verifyOptions) recording(s subject) (verify.Recording, error) {
	r, err := verify.ReadRecording(o.against)
	if err != nil {
		return r, err
	}
	if height, width := s.model.Size(); r.ModelSHA256 != s.sha256 || r.Height != height || r.Width != width || r.Channels != s.model.Channels() {
		return r, fmt.Errorf("%q was recorded of another model than %q: of the SHA-256 %s, this has %s",
			o.against, s.path, r.ModelSHA256, s.sha256)
	}
	return r, nil
}

// images returns the first validation images, which must be of the model's
// size.
func (o *verifyOptions) images(ctx context.Context, e *configs.Experiment, s subject, stderr io.Writer) ([]uint8, error) {
	height, width := s.model.Size()
	e.Data.SettleSize(height, width)
	validation, err := cli.LoadSplit(ctx, e.Data, stderr, dataset.Validation)
	if err != nil {
		return nil, err
	}
	if h, w := validation.Size(); h != height || w != width {
		if o.run == "" && o.Config == "" && len(o.Sets) == 0 {
			return noise(o.count * height * width * 3), nil // no images are named
		}
		return nil, cli.BadDataf("the validation images are of %dx%d pixels, the model %q takes %dx%d (--set data.size=%d --set data.width=%d resizes those of folders)",
			h, w, s.path, height, width, height, width)
	}
	count := o.count
	switch available := validation.Len(); {
	case available < count && o.counted:
		return nil, cli.BadDataf("%d validation images wanted, %d available: use --count %d", count, available, available)
	case available < count:
		count = available
	}
	if err := validation.Head(count).Draw(ctx); err != nil {
		return nil, err
	}
	return validation.WithChannels(s.model.Channels()).ReadImages(ctx, 0, count, nil)
}

// noise returns random bytes, always the same.
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
		fmt.Fprintln(t, "layer\tshape\tlargest\tmean\tof values up to")
		for _, l := range r.Layers {
			shape := strings.Trim(strings.ReplaceAll(fmt.Sprint(l.Shape), " ", "x"), "[]")
			fmt.Fprintf(t, "%s\t%s\t%.2e\t%.2e\t%.4g\n", l.Name, shape, l.Largest, l.Mean, l.Scale)
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t, "output\tlargest\tmean\tof values up to\tsample\tclass")
	for _, d := range []struct {
		name string
		verify.Difference
	}{{onnxmodels.OutputProbabilities, r.Probabilities}, {onnxmodels.OutputLogits, r.Logits}} {
		fmt.Fprintf(t, "%s\t%.2e\t%.2e\t%.4g\t%d\t%d\n", d.name, d.Largest, d.Mean, d.Scale, d.Sample, d.Class)
	}
	verdict := map[bool]string{true: "the runtimes agree", false: "the runtimes disagree"}[agree]
	fmt.Fprintf(t, "\n%s on %d images; tolerance %.3g\n", verdict, r.Samples, r.Tolerance)
	if on := processor.Model(); on != "" {
		fmt.Fprintf(t, "on %s\n", strings.TrimSuffix(on+" with kernels for "+o.kernels(), " with kernels for "))
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
