package main

import (
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"onnxlab/augment"
	"onnxlab/pipeline/internal/cli"
)

func newBenchAugmentCommand() *cobra.Command {
	var opts imageBench
	cmd := &cobra.Command{
		Use:   "augment",
		Short: "Measure how many images a second a recipe augments",
		Long: `Draw plans and apply them to random images in memory, without shuffling and
batching ('pipeline bench load' measures those too).
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBenchAugment(cmd.Context(), &opts, cmd.OutOrStdout())
		},
	}
	opts.add(cmd, 1, "images to make at the same time; 0 means as many as there are cores")
	return cmd
}

func runBenchAugment(ctx context.Context, opts *imageBench, stdout io.Writer) error {
	recipe, set, err := opts.prepare()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(opts.seconds*float64(time.Second)))
	defer cancel()
	start := time.Now()
	images := augmentUntil(ctx, recipe, set, opts.workers)
	seconds := time.Since(start).Seconds()
	if err := ctx.Err(); err != context.DeadlineExceeded {
		return err // interrupted
	}
	return opts.print(stdout, "", images, seconds)
}

// augmentUntil makes images with the given number of workers until ctx ends,
// and counts them.
func augmentUntil(ctx context.Context, recipe *augment.Recipe, set *randomSet, workers int) int64 {
	const between = 16 // images between checks of ctx
	var count atomic.Int64
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(worker)))
			dst := make([]uint8, set.height*set.width*3)
			var space augment.Workspace
			made := 0
			for made == 0 || ctx.Err() == nil {
				for range between {
					plan := recipe.Draw(rng, set.height, set.width)
					// Recipes draw valid plans, and the sizes are the set's.
					_ = space.Apply(&plan, dst, set.Image(made%set.Len()), set.height, set.width)
					made++
				}
			}
			count.Add(int64(made))
		})
	}
	running.Wait()
	return count.Load()
}
