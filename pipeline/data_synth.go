package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"onnxlab/dataset"
	"onnxlab/dataset/cifar"
	"onnxlab/dataset/synthetic"
	"onnxlab/internal/durable"
	"onnxlab/pipeline/internal/cli"
)

type dataSynthOptions struct {
	out        string
	train      int
	validation int
	seed       uint64
	force      bool
}

func newDataSynthCommand() *cobra.Command {
	var opts dataSynthOptions
	cmd := &cobra.Command{
		Use:   "synth",
		Short: "Draw the synthetic set into files",
		Long: `Draw the synthetic set, ten classes of shapes in 32x32 pixels, and write it in the
binary format of CIFAR-10. Train on it with

  pipeline train --set data.source=synthetic --set data.path=DIR

With the default seed these are the images that data.source=synthetic draws in memory
if data.path is empty. Image number i is the same however many are drawn.
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDataSynth(cmd.Context(), &opts, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.out, "out", "", "folder to write into (required)")
	flags.IntVar(&opts.train, "train", synthetic.Train, "training images, 5 or more")
	flags.IntVar(&opts.validation, "validation", synthetic.Validation, "validation images")
	flags.Uint64Var(&opts.seed, "seed", synthetic.Seed, "seed of the images")
	flags.BoolVar(&opts.force, "force", false, "replace the set in the folder")
	return cmd
}

func (o *dataSynthOptions) check() error {
	// The set is drawn in memory: 3 GB.
	const most = 1_000_000
	switch {
	case o.out == "":
		return errors.New("--out DIR is required")
	case o.train < 5 || o.train > most:
		return fmt.Errorf("--train: %d is outside 5..%d", o.train, most)
	case o.validation < 1 || o.validation > most:
		return fmt.Errorf("--validation: %d is outside 1..%d", o.validation, most)
	}
	if _, err := os.Lstat(filepath.Join(o.out, "test_batch.bin")); err == nil && !o.force {
		return cli.WouldReplace("out", o.out, "contains a set already", "choose another folder, or replace the set with --force")
	}
	return cli.RefuseDeadLink("out", o.out)
}

func runDataSynth(ctx context.Context, opts *dataSynthOptions, stdout io.Writer) error {
	if err := opts.check(); err != nil {
		return cli.BadUsage(err)
	}
	train, validation, err := synthetic.Draw(ctx, opts.seed, opts.train, opts.validation)
	if err != nil {
		return err
	}
	if err := opts.write(train, validation); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: %d training and %d validation images of seed %d\n", opts.out, train.Len(), validation.Len(), opts.seed)
	return err
}

// write writes the set, if no other process has written one meanwhile.
func (o *dataSynthOptions) write(train, validation *dataset.Set) (err error) {
	if err := os.MkdirAll(o.out, 0o777); err != nil {
		return fmt.Errorf("write data: %w", err)
	}
	unlock, err := durable.Lock(o.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := o.check(); err != nil {
		return cli.BadUsage(err)
	}
	return cifar.Write(o.out, train, validation)
}
