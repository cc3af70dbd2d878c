package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/photo"
	"onnxlab/dataset/shard"
	"onnxlab/internal/terminal"
	"onnxlab/pipeline/internal/cli"
)

type dataPackOptions struct {
	cli.DataFlags
	out     string
	size    int
	short   int
	quality int
}

func newDataPackCommand() *cobra.Command {
	var opts dataPackOptions
	cmd := &cobra.Command{
		Use:   "pack --out DIR",
		Short: "Store photographs in shards",
		Long: `Store the photographs of an experiment in tar files in the format of WebDataset: a
few large files, which disks and networks read faster than many small ones. The images
are stored unchanged or, with --short-side, upright and reduced to this many pixels on
their shorter side, as JPEG. Train on them with

  pipeline train --set data.source=shards --set data.path=DIR

DIR must not exist yet. It appears when everything is written.
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDataPack(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.Add(cmd, "path")
	flags := cmd.Flags()
	flags.StringVar(&opts.out, "out", "", "folder to write (required)")
	flags.IntVar(&opts.size, "shard-size", 256, "size of a shard in megabytes")
	flags.IntVar(&opts.short, "short-side", 0, "pixels on the shorter side; 0 stores files unchanged")
	flags.IntVar(&opts.quality, "quality", 90, "JPEG quality of images that are reduced, 1..100")
	return cmd
}

func newDataCacheCommand() *cobra.Command {
	var opts dataPackOptions
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Store smaller copies of photographs, which are decoded faster",
		Long: `Store copies of an experiment's photographs with a shorter side of 256 pixels, as JPEG
of quality 90, in shards in the user's cache folder. Copies of large photographs are
decoded several times as fast. Their pixels differ a little, so an experiment that
trains on them is not the same. The command prints the settings that train on them:

  pipeline train $(pipeline data cache --path photos)

The folder's name depends on the set and on these flags. If the folder exists already,
nothing is done. Delete it when you no longer need it.
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDataCache(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.Add(cmd, "path")
	flags := cmd.Flags()
	flags.IntVar(&opts.short, "short-side", 256, "pixels on the shorter side")
	flags.IntVar(&opts.quality, "quality", 90, "JPEG quality, 1..100")
	opts.size = 256
	return cmd
}

func (o *dataPackOptions) check() error {
	const largest, longest = 1 << 20, 1 << 14
	switch {
	case o.size < 1 || o.size > largest:
		return cli.BadUsage(fmt.Errorf("--shard-size: %d is outside 1..%d", o.size, largest))
	case o.short < 0 || o.short > longest:
		return cli.BadUsage(fmt.Errorf("--short-side: %d is outside 0..%d", o.short, longest))
	case o.quality < 1 || o.quality > 100:
		return cli.BadUsage(fmt.Errorf("--quality: %d is outside 1..100", o.quality))
	}
	return nil
}

// photographs loads all splits, as images that stay in their files until they are read.
func (o *dataPackOptions) photographs(ctx context.Context, stderr io.Writer) (configs.Data, *dataset.Splits, error) {
	experiment, err := o.Load("data")
	if err != nil {
		return configs.Data{}, nil, err
	}
	d := experiment.Data
	if !d.Photographs() {
		return d, nil, cli.BadUsage(fmt.Errorf("data.source: %s has no photographs: use --set data.source=folder --set data.path=DIR", d.Source))
	}
	if d.Labels != "" {
		return d, nil, cli.BadUsage(fmt.Errorf("data.labels: %q may give an image several classes, but shards store one for each", d.Labels))
	}
	d.Read = configs.ReadStream
	splits, err := cli.LoadData(ctx, d, stderr, dataset.Train, dataset.Validation, dataset.Test)
	return d, splits, err
}

// write writes the shards.
func (o *dataPackOptions) write(ctx context.Context, dir string, d configs.Data, splits *dataset.Splits, stderr io.Writer) error {
	w := shard.WriteOptions{Bytes: int64(o.size) << 20, ShortSide: o.short, Quality: o.quality, Photo: photo.Limits{Memory: int64(d.ImageMemory) << 20}}
	if o.short > 0 && d.Turbo() {
		decoder, err := photo.OpenDecoder(ctx, stderr)
		if err == nil {
			w.Decoder = decoder
		} else if d.Decoder == configs.DecoderTurbo || ctx.Err() != nil {
			return err
		}
	}
	if bar := (terminal.Reporter{W: stderr}).Bar("storing images", int64(countOf(splits))); bar != nil {
		w.Progress = func(int) { _ = bar.Add(1) }
		defer func() { _ = bar.Finish() }()
	}
	return shard.Write(ctx, dir, w, splits)
}

// countOf returns how many images all splits have.
func countOf(splits *dataset.Splits) (images int) {
	for _, split := range []dataset.Split{dataset.Train, dataset.Validation, dataset.Test} {
		if set := splits.Of(split); set != nil {
			images += set.Len()
		}
	}
	return images
}

func runDataPack(ctx context.Context, opts *dataPackOptions, stdout, stderr io.Writer) error {
	if opts.out == "" {
		return cli.BadUsage(errors.New("--out DIR is required"))
	}
	if err := opts.check(); err != nil {
		return err
	}
	if _, err := os.Lstat(opts.out); err == nil {
		return cli.WouldReplace("out", opts.out, "exists already", "choose another folder")
	}
	d, splits, err := opts.photographs(ctx, stderr)
	if err != nil {
		return err
	}
	if err := cli.RefuseAmongImages("out", opts.out, opts.out, d); err != nil {
		return err
	}
	if err := opts.write(ctx, opts.out, d, splits, stderr); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: %d images\n", opts.out, countOf(splits))
	return err
}

func runDataCache(ctx context.Context, opts *dataPackOptions, stdout, stderr io.Writer) error {
	if err := opts.check(); err != nil {
		return err
	}
	if opts.short == 0 {
		return cli.BadUsage(errors.New("--short-side: 0 is outside 1..16384 (to keep the size, use 'pipeline data pack')"))
	}
	d, splits, err := opts.photographs(ctx, stderr)
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("find the cache folder: %w", err)
	}
	hash, err := splits.Train.HashContext(ctx)
	if err != nil {
		return err
	}
	dir := filepath.Join(cache, "onnxlab", "photographs", fmt.Sprintf("%.16s-%d-q%d", hash, opts.short, opts.quality))
	if _, err := os.Stat(filepath.Join(dir, shard.ClassesName)); err != nil {
		if err := opts.write(ctx, dir, d, splits, stderr); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(stdout, "--set data.source=shards --set data.path=%s\n", dir)
	return err
}
