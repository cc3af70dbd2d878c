package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/pipeline/internal/cli"
)

type benchPredictOptions struct {
	cli.ModelFlags
	seconds float64
	rounds  int
	batch   int
	compare bool
	json    bool
}

func newBenchPredictCommand() *cobra.Command {
	var opts benchPredictOptions
	cmd := &cobra.Command{
		Use:   "predict",
		Short: "Measure how many images a second a model classifies",
		Long: `Run a model on random images in memory, on all cores, in several rounds of some
seconds, and print the median and the range over the rounds. Models run with onnxlab's
own operators where there are any. With --compare, each round also runs the model with
ONNX Runtime's operators only, and the median of the ratios is printed.
` + cli.ExitHelp,
		Example: `  pipeline bench predict --run runs/quickstart/medium/16/seed-1 --batch 1
  pipeline bench predict --model resnet18.onnx --normalize imagenet --batch 32 --compare
  pipeline bench predict --model model.onnx --runtime go --json`,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBenchPredict(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.Add(cmd)
	flags := cmd.Flags()
	flags.Float64Var(&opts.seconds, "seconds", 2, "how long each round takes at least")
	flags.IntVar(&opts.rounds, "rounds", 5, "how many rounds to measure, after a first batch")
	flags.IntVar(&opts.batch, "batch", 100, "images in a batch")
	flags.BoolVar(&opts.compare, "compare", false, "also run the model with ONNX Runtime's operators only, in turns")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

func (o *benchPredictOptions) check() error {
	const mostRounds, mostBatch = 1000, 10000
	if err := checkSeconds(o.seconds); err != nil {
		return err
	}
	switch {
	case o.rounds < 1 || o.rounds > mostRounds:
		return cli.BadUsagef("--rounds: %d is outside 1..%d", o.rounds, mostRounds)
	case o.compare && o.Runtime != cli.RuntimeORT:
		return cli.BadUsage(errors.New("--compare needs --runtime " + cli.RuntimeORT))
	case o.batch < 1 || o.batch > mostBatch:
		return cli.BadUsagef("--batch: %d is outside 1..%d", o.batch, mostBatch)
	}
	return o.Check()
}

// predictThroughput is the result of a measurement of a model.
type predictThroughput struct {
	Model   string `json:"model"`
	Runtime string `json:"runtime"`
	Batch   int    `json:"batch"`
	// ImagesPerSecond is the median of Rounds.
	ImagesPerSecond float64   `json:"images_per_second"`
	Rounds          []float64 `json:"rounds"`
	// Plain is the result with ONNX Runtime's operators only, in the same rounds. Ratio is
	// the median over the rounds of how many times faster the model is than Plain.
	Plain *plainThroughput `json:"plain,omitempty"`
	Ratio float64          `json:"ratio,omitempty"`
}

type plainThroughput struct {
	ImagesPerSecond float64   `json:"images_per_second"`
	Rounds          []float64 `json:"rounds"`
}

func runBenchPredict(ctx context.Context, opts *benchPredictOptions, stdout, stderr io.Writer) (err error) {
	if err := opts.check(); err != nil {
		return err
	}
	experiment, err := configs.Load("", nil)
	if err != nil {
		return err
	}
	m, path, err := opts.Read(stderr)
	if err != nil {
		return err
	}
	c, err := cli.OpenModel(ctx, m, path, opts.Runtime, experiment.Runtime, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	contestants := []*cli.Classifier{c}
	if opts.compare {
		data, err := modelfile.Marshal(m)
		if err != nil {
			return err
		}
		plain := &cli.Classifier{Signature: c.Signature, Path: c.Path}
		if plain.Predictor, plain.Close, err = cli.OpenPlain(data, experiment.Runtime); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, plain.Close()) }()
		contestants = append(contestants, plain)
	}
	rounds, err := takeTurns(ctx, opts, contestants)
	if err != nil {
		return err
	}
	result := predictThroughput{Model: c.Path, Runtime: opts.Runtime, Batch: opts.batch, Rounds: rounds[0], ImagesPerSecond: median(rounds[0])}
	if opts.compare {
		result.Plain = &plainThroughput{median(rounds[1]), rounds[1]}
		result.Ratio = median(ratios(rounds[0], rounds[1]))
	}
	if opts.json {
		return cli.PrintJSON(stdout, result)
	}
	return result.write(stdout)
}

// write prints a line for each contestant.
func (t predictThroughput) write(w io.Writer) error {
	line := func(name string, rounds []float64) {
		fmt.Fprintf(w, "%s, batches of %d: %.0f images/s (median of %d rounds, %.0f to %.0f)\n",
			name, t.Batch, median(rounds), len(rounds), slices.Min(rounds), slices.Max(rounds))
	}
	line(t.Runtime, t.Rounds)
	if t.Plain == nil {
		return nil
	}
	line("ONNX Runtime alone", t.Plain.Rounds)
	list := ratios(t.Rounds, t.Plain.Rounds)
	_, err := fmt.Fprintf(w, "%.2f times ONNX Runtime alone (median of %d rounds, %.2f to %.2f)\n", t.Ratio, len(list), slices.Min(list), slices.Max(list))
	return err
}

// median returns the middle one of the values, or the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// ratios returns a[i]/b[i] for each round i.
func ratios(a, b []float64) []float64 {
	list := make([]float64, len(a))
	for i := range a {
		list[i] = a[i] / b[i]
	}
	return list
}

// takeTurns runs the contestants in turns and returns the images per second of each of them, in
// each round.
func takeTurns(ctx context.Context, opts *benchPredictOptions, contestants []*cli.Classifier) ([][]float64, error) {
	c := contestants[0]
	set := randomImages(c.Height, c.Width)
	images := set.pixels
	size := opts.batch * c.Height * c.Width * c.Channels
	for len(images) < size {
		images = append(images, images[:min(len(images), size-len(images))]...)
	}
	rates := make([][]float64, len(contestants))
	for round := range opts.rounds + 1 { // the first round, of one batch, does not count
		for i, c := range contestants {
			rate, err := opts.rate(ctx, c, images[:size], round == 0)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				rates[i] = append(rates[i], rate)
			}
		}
	}
	return rates, nil
}

// rate runs the model for a round, or only once, and returns the images per second.
func (opts *benchPredictOptions) rate(ctx context.Context, c *cli.Classifier, images []uint8, once bool) (float64, error) {
	begun, done := time.Now(), 0
	for done == 0 || !once && time.Since(begun).Seconds() < opts.seconds {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if _, _, err := c.Predict(ctx, images); err != nil {
			return 0, err
		}
		done += opts.batch
	}
	return float64(done) / time.Since(begun).Seconds(), nil
}
