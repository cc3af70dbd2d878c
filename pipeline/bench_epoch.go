package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"onnxlab/dataset"
	"onnxlab/ort/session"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
	"onnxlab/trainloop/measure"
)

type benchEpochOptions struct {
	cli.ExperimentFlags
	images int
	serve  bool
	json   bool
}

func newBenchEpochCommand() *cobra.Command {
	var opts benchEpochOptions
	cmd := &cobra.Command{
		Use:   "epoch",
		Short: "Time the training steps of an epoch, with loading and augmenting",
		Long: `Train for an epoch as 'pipeline train' does, on the experiment's images, which are
shuffled and augmented during the steps. The evaluation after an epoch is not
included. The command prints images per second, seconds, and the share of the time
for which steps waited for images.

` + serveHelp + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBenchEpoch(cmd.Context(), &opts, cmd.InOrStdin(), cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.Add(cmd)
	cmd.Flags().IntVar(&opts.images, "images", 0, "images to train on, in full batches, after a first batch (default: those of an epoch)")
	cmd.Flags().BoolVar(&opts.serve, "serve", false, "do the steps that lines \"run N\" on standard input ask for")
	cmd.Flags().BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

func runBenchEpoch(ctx context.Context, opts *benchEpochOptions, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	experiment, err := opts.Load()
	if err != nil {
		return err
	}
	if batch := experiment.Train.BatchSize; opts.images != 0 && opts.images < batch {
		return cli.BadUsagef("--images: %d is less than a batch of %d", opts.images, batch)
	}
	if _, err := trainloop.CheckGiven(*experiment); err != nil {
		return err
	}
	train, err := cli.LoadSplit(ctx, experiment.Data, stderr, dataset.Train)
	if err != nil {
		return err
	}
	if opts.images > train.Len() {
		return cli.BadUsagef("--images: %d is more than the %d images of an epoch", opts.images, train.Len())
	}
	if err := cli.OpenLibrary(ctx, experiment.Runtime, stderr); err != nil {
		return err
	}
	defer session.Close() // the process ends
	if opts.serve {
		s, err := measure.NewEpochStepper(ctx, *experiment, train)
		if err != nil {
			return err
		}
		return errors.Join(serveSteps(ctx, s.Step, stdin, stdout), s.Close())
	}
	m, err := measure.Epoch(ctx, *experiment, train, opts.images)
	if err != nil {
		return err
	}
	if opts.json {
		return cli.PrintJSON(stdout, m)
	}
	_, err = fmt.Fprintf(stdout, "%s: batch %d in micro-batches of %d: %d images in %.1f s, %.0f images/s, %.2f %% of the time waiting for images, at most %.2f GB\n",
		m.Recipe, m.BatchSize, m.MicroBatch, m.Images, m.Seconds, m.ImagesPerSecond, 100*m.DataWait, float64(m.PeakBytes)/1e9)
	return err
}
