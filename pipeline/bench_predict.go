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
)

type benchPredictOptions struct {
	modelFlags
	seconds float64
	rounds  int
	batch   int
	json    bool
}

func newBenchPredictCommand() *cobra.Command {
	var opts benchPredictOptions
	cmd := &cobra.Command{
		Use:   "predict",
		Short: "Measure how many images a second a model classifies",
		Long: `Run a model on random images, which are in memory, on all cores: several rounds
of some seconds, of which the median and the range are told.
` + exitHelp,
		Example: `  pipeline bench predict --run runs/quickstart/medium/16/seed-1 --batch 1
  pipeline bench predict --model model.onnx --runtime go --json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBenchPredict(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.add(cmd)
	flags := cmd.Flags()
	flags.Float64Var(&opts.seconds, "seconds", 2, "how long a round is at least")
	flags.IntVar(&opts.rounds, "rounds", 5, "how many rounds to measure, after one batch")
	flags.IntVar(&opts.batch, "batch", 100, "images in a batch")
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
		return &usageError{fmt.Errorf("--rounds: %d is outside 1..%d", o.rounds, mostRounds)}
	case o.batch < 1 || o.batch > mostBatch:
		return &usageError{fmt.Errorf("--batch: %d is outside 1..%d", o.batch, mostBatch)}
	}
	return o.modelFlags.check()
}

// predictThroughput is what a measurement of a model found.
type predictThroughput struct {
	Model   string `json:"model"`
	Runtime string `json:"runtime"`
	Batch   int    `json:"batch"`
	// ImagesPerSecond is the median of Rounds.
	ImagesPerSecond float64   `json:"images_per_second"`
	Rounds          []float64 `json:"rounds"`
}

func runBenchPredict(ctx context.Context, opts *benchPredictOptions, stdout, stderr io.Writer) (err error) {
	if err := opts.check(); err != nil {
		return err
	}
	c, err := opts.openAlone(ctx, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	result := predictThroughput{Model: c.Path, Runtime: opts.runtime, Batch: opts.batch}
	if result.Rounds, err = c.measure(ctx, opts); err != nil {
		return err
	}
	sorted := slices.Sorted(slices.Values(result.Rounds))
	n := len(sorted)
	result.ImagesPerSecond = (sorted[(n-1)/2] + sorted[n/2]) / 2
	if opts.json {
		return printJSON(stdout, result)
	}
	_, err = fmt.Fprintf(stdout, "%s, batches of %d: %.0f images/s (median of %d rounds, %.0f to %.0f)\n",
		result.Runtime, result.Batch, result.ImagesPerSecond, n, sorted[0], sorted[n-1])
	return err
}

// measure returns the images per second of each round.
func (c *classifier) measure(ctx context.Context, opts *benchPredictOptions) ([]float64, error) {
	set := randomImages(c.Height, c.Width)
	images := set.pixels
	size := opts.batch * c.Height * c.Width * c.Channels
	for len(images) < size {
		images = append(images, images[:min(len(images), size-len(images))]...)
	}
	images = images[:size]
	if _, _, err := c.Predict(ctx, images); err != nil {
		return nil, err
	}
	var rates []float64
	for range opts.rounds {
		begun, done := time.Now(), 0
		for done == 0 || time.Since(begun).Seconds() < opts.seconds {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if _, _, err := c.Predict(ctx, images); err != nil {
				return nil, err
			}
			done += opts.batch
		}
		rates = append(rates, float64(done)/time.Since(begun).Seconds())
	}
	return rates, nil
}
