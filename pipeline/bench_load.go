package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"onnxlab/augment"
)

type benchLoadOptions struct {
	recipe   string
	geometry string
	size     imageSize
	seconds  float64
	workers  int
	batch    int
	json     bool
}

func newBenchLoadCommand() *cobra.Command {
	var opts benchLoadOptions
	cmd := &cobra.Command{
		Use:   "load",
		Short: "Measure how many images a second come in batches",
		Long: `Read batches as training does, from random images in memory: shuffled, drawn,
augmented and copied into the trainer's buffers.
` + exitHelp,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBenchLoad(cmd.Context(), &opts, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.recipe, "recipe", "strong", "none, shift, medium or strong")
	flags.StringVar(&opts.geometry, "geometry", "keras-2018", "keras-2018 or keras-3")
	opts.size.add(flags)
	flags.Float64Var(&opts.seconds, "seconds", 2, "how long to measure")
	flags.IntVar(&opts.workers, "workers", 0, "workers of the loader; 0 is the number of cores")
	flags.IntVar(&opts.batch, "batch", 128, "images in a batch")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

func runBenchLoad(ctx context.Context, opts *benchLoadOptions, stdout io.Writer) error {
	if err := checkBench(opts.seconds, &opts.workers); err != nil {
		return err
	}
	recipe, set, err := benchImages(opts.size, opts.recipe, opts.geometry)
	if err != nil {
		return err
	}
	if opts.batch < 1 || opts.batch > set.Len() {
		return &usageError{fmt.Errorf("--batch: %d is outside 1..%d, the images of this size there are", opts.batch, set.Len())}
	}
	loader, err := augment.NewLoader(set, augment.LoaderOptions{Seed: 1, BatchSize: opts.batch, Recipe: recipe, Workers: opts.workers})
	if err != nil {
		return err
	}
	defer loader.Close()
	images, seconds, err := loadFor(ctx, loader, opts, set.height*set.width*3)
	if err != nil {
		return err
	}
	result := throughput{opts.recipe, set.height, set.width, opts.workers, images, seconds, float64(images) / seconds}
	if opts.json {
		return json.NewEncoder(stdout).Encode(result)
	}
	_, err = fmt.Fprintf(stdout, "%s %dx%d, batches of %d, %d workers: %.0f images/s (%d in %.2f s)\n",
		result.Recipe, set.height, set.width, opts.batch, result.Workers, result.ImagesPerSecond, images, seconds)
	return err
}

// loadFor reads batches for the seconds of opts, after a first one.
func loadFor(ctx context.Context, loader *augment.Loader, opts *benchLoadOptions, imageBytes int) (images int64, seconds float64, err error) {
	pixels, labels := make([]uint8, opts.batch*imageBytes), make([]int64, opts.batch)
	if _, err := loader.Next(ctx, pixels, labels); err != nil {
		return 0, 0, err
	}
	start := time.Now()
	for time.Since(start).Seconds() < opts.seconds {
		if _, err := loader.Next(ctx, pixels, labels); err != nil {
			return 0, 0, err
		}
		images += int64(opts.batch)
	}
	return images, time.Since(start).Seconds(), nil
}
