package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"onnxlab/augment/batch"
	"onnxlab/dataset"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
	"onnxlab/trainloop/measure"
)

type benchPhotosOptions struct {
	cli.ExperimentFlags
	seconds float64
	workers int
	serve   bool
	json    bool
}

func newBenchPhotosCommand() *cobra.Command {
	var opts benchPhotosOptions
	cmd := &cobra.Command{
		Use:   "photos",
		Short: "Measure how fast photographs are read, cropped and augmented",
		Long: `Make the batches that 'pipeline train' would train on, from the training images of an
experiment, and throw them away: photographs are read from their files, decoded,
cropped, resized and augmented. The command prints images per second.

  pipeline bench photos --set data.source=folder --set data.path=photos \
    --set data.size=224 --set augment.recipe=photo

` + serveHelp + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBenchPhotos(cmd.Context(), &opts, cmd.InOrStdin(), cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.Add(cmd)
	flags := cmd.Flags()
	flags.Float64Var(&opts.seconds, "seconds", 2, "how long to measure, after a first batch")
	flags.IntVar(&opts.workers, "workers", 0, "workers of the loader; 0 means twice as many as there are cores")
	flags.BoolVar(&opts.serve, "serve", false, "make as many batches as lines \"run N\" on standard input ask for")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

func runBenchPhotos(ctx context.Context, opts *benchPhotosOptions, stdin io.Reader, stdout, stderr io.Writer) error {
	if err := checkSeconds(opts.seconds); err != nil {
		return err
	}
	experiment, err := opts.Load("data", "augment", "train")
	if err != nil {
		return err
	}
	if !experiment.Data.Photographs() {
		return cli.BadUsage(fmt.Errorf("data.source: %s has no photographs: use --set data.source=folder --set data.path=DIR", experiment.Data.Source))
	}
	train, err := cli.LoadSplit(ctx, experiment.Data, stderr, dataset.Train)
	if err != nil {
		return err
	}
	recipe, err := trainloop.Recipe(experiment.Augment)
	if err != nil {
		return cli.BadUsage(err)
	}
	size := experiment.Train.BatchSize
	loader, err := batch.NewLoader(train, batch.LoaderOptions{Seed: experiment.Seed, BatchSize: size, Recipe: recipe, Workers: opts.workers})
	if err != nil {
		return cli.BadUsage(err)
	}
	defer loader.Close()
	height, width := train.Size()
	images, labels := make([]uint8, size*height*width*train.Channels()), make([]int64, size)
	step := func(ctx context.Context) (measure.StepTime, error) {
		start := time.Now()
		_, err := loader.Next(ctx, images, labels)
		seconds := time.Since(start).Seconds()
		return measure.StepTime{Seconds: seconds, Wait: seconds}, err
	}
	if opts.serve {
		return serveSteps(ctx, step, stdin, stdout)
	}
	return opts.measure(ctx, step, throughput{
		Recipe: experiment.Augment.Recipe, Height: height, Width: width, Workers: loader.Workers(),
	}, size, stdout)
}

// measure makes batches for o.seconds and prints how many images they had.
func (o *benchPhotosOptions) measure(ctx context.Context, step stepper, t throughput, size int, stdout io.Writer) error {
	if _, err := step(ctx); err != nil {
		return err
	}
	for start := time.Now(); t.Seconds < o.seconds; t.Seconds = time.Since(start).Seconds() {
		if _, err := step(ctx); err != nil {
			return errors.Join(err, ctx.Err())
		}
		t.Images += int64(size)
	}
	t.ImagesPerSecond = float64(t.Images) / t.Seconds
	if o.json {
		return cli.PrintJSON(stdout, t)
	}
	_, err := fmt.Fprintf(stdout, "%.0f images/s: %d photographs to %dx%d pixels, recipe %s, in %.2f s\n",
		t.ImagesPerSecond, t.Images, t.Height, t.Width, t.Recipe, t.Seconds)
	return err
}
