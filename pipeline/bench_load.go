package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"onnxlab/augment/batch"
	"onnxlab/pipeline/internal/cli"
)

type benchLoadOptions struct {
	imageBench
	batch int
}

func newBenchLoadCommand() *cobra.Command {
	var opts benchLoadOptions
	cmd := &cobra.Command{
		Use:   "load",
		Short: "Measure how many images a second the loader makes batches of",
		Long: `Read batches as training does, from random images in memory: images are shuffled and
augmented, and batches are copied into the trainer's buffers.
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBenchLoad(cmd.Context(), &opts, cmd.OutOrStdout())
		},
	}
	opts.add(cmd, 0, "workers of the loader; 0 means as many as there are cores")
	cmd.Flags().IntVar(&opts.batch, "batch", 128, "images in a batch")
	return cmd
}

func runBenchLoad(ctx context.Context, opts *benchLoadOptions, stdout io.Writer) error {
	recipe, set, err := opts.prepare()
	if err != nil {
		return err
	}
	if opts.batch < 1 || opts.batch > set.Len() {
		return cli.BadUsagef("--batch: %d is outside 1..%d, the number of random images of this size", opts.batch, set.Len())
	}
	loader, err := batch.NewLoader(set, batch.LoaderOptions{Seed: 1, BatchSize: opts.batch, Recipe: recipe, Workers: opts.workers})
	if err != nil {
		return err
	}
	defer loader.Close()
	images, seconds, err := loadFor(ctx, loader, opts, set.height*set.width*3)
	if err != nil {
		return err
	}
	return opts.print(stdout, fmt.Sprintf("batches of %d, ", opts.batch), images, seconds)
}

// loadFor reads batches for opts.seconds, after a first one.
func loadFor(ctx context.Context, loader *batch.Loader, opts *benchLoadOptions, imageBytes int) (images int64, seconds float64, err error) {
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
