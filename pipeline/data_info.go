package main

import (
	"context"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/durable"
	"onnxlab/internal/printable"
	"onnxlab/pipeline/internal/cli"
)

type dataInfoOptions struct {
	cli.DataFlags
	sheet   string
	samples int
	json    bool
}

func newDataInfoCommand() *cobra.Command {
	var opts dataInfoOptions
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Describe the images of an experiment",
		Long: `Describe the images that an experiment trains and validates on: how many there are of
each class, their size, the mean and the standard deviation of each channel in 0..1,
and the SHA-256 of both splits, which runs store in environment.json.
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDataInfo(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.Add(cmd, "path")
	flags := cmd.Flags()
	flags.StringVar(&opts.sheet, "sheet", "", "write a picture with training images of each class to this PNG file")
	flags.IntVar(&opts.samples, "samples", 10, "images of each class on the sheet")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

func runDataInfo(ctx context.Context, opts *dataInfoOptions, stdout, stderr io.Writer) error {
	const mostSamples = 100
	if opts.samples < 1 || opts.samples > mostSamples {
		return cli.BadUsagef("--samples: %d is outside 1..%d", opts.samples, mostSamples)
	}
	experiment, err := opts.Load("data")
	if err != nil {
		return err
	}
	if err := errors.Join(cli.RefuseOutput("sheet", opts.sheet), cli.RefuseAmongImages("sheet", opts.sheet, filepath.Dir(opts.sheet), experiment.Data)); err != nil {
		return err
	}
	data, err := cli.LoadData(ctx, experiment.Data, stderr)
	if err != nil {
		return err
	}
	info, err := describeData(ctx, experiment.Data, data.Train, data.Validation)
	if err != nil {
		return err
	}
	if opts.sheet != "" {
		sheet, err := data.Train.SheetContext(ctx, opts.samples)
		if err != nil {
			return err
		}
		if err := durable.WriteFile(opts.sheet, func(w io.Writer) error { return png.Encode(w, sheet) }); err != nil {
			return err
		}
	}
	if opts.json {
		return cli.PrintJSON(stdout, info)
	}
	return info.write(stdout)
}

// dataInfo is the description of an experiment's images.
type dataInfo struct {
	Source     string    `json:"source"`
	Path       string    `json:"path"`
	Height     int       `json:"height"`
	Width      int       `json:"width"`
	Classes    []string  `json:"classes"`
	Train      splitInfo `json:"train"`
	Validation splitInfo `json:"validation"`
}

// splitInfo is the description of one split. Counts are in the order of the
// classes; mean and deviation are those of red, green and blue, or of grey.
type splitInfo struct {
	Images    int       `json:"images"`
	SHA256    string    `json:"sha256"`
	Counts    []int     `json:"counts"`
	Mean      []float64 `json:"mean"`
	Deviation []float64 `json:"deviation"`
}

func describeData(ctx context.Context, d configs.Data, train, validation *dataset.Set) (info dataInfo, err error) {
	height, width := train.Size()
	info = dataInfo{Source: d.Source, Path: d.Path, Height: height, Width: width, Classes: train.Classes}
	if info.Train, err = describeSplit(ctx, train); err == nil {
		info.Validation, err = describeSplit(ctx, validation)
	}
	return info, err
}

func describeSplit(ctx context.Context, set *dataset.Set) (splitInfo, error) {
	if err := set.Draw(ctx); err != nil {
		return splitInfo{}, err
	}
	if err := set.Check(); err != nil {
		return splitInfo{}, err
	}
	stats, err := set.StatsContext(ctx)
	if err != nil {
		return splitInfo{}, err
	}
	return splitInfo{set.Len(), set.Hash(), stats.Counts, stats.Mean, stats.Deviation}, ctx.Err()
}

// write prints the description as a table.
func (d dataInfo) write(w io.Writer) error {
	path := d.Path
	if path == "" {
		path = "(drawn in memory)"
		if d.Source == configs.SourceMNIST {
			path = "(from the cache)"
		}
	}
	fmt.Fprintf(w, "%s %s, %dx%d pixels, %d classes\n\n", d.Source, path, d.Height, d.Width, len(d.Classes))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "\ttrain\tvalidation\n")
	fmt.Fprintf(table, "images\t%d\t%d\n", d.Train.Images, d.Validation.Images)
	for i, class := range d.Classes {
		fmt.Fprintf(table, "  %s\t%d\t%d\n", printable.Name(class), d.Train.Counts[i], d.Validation.Counts[i])
	}
	channels := []string{"red", "green", "blue"}
	if len(d.Train.Mean) == 1 {
		channels = []string{"grey"}
	}
	for c, channel := range channels {
		fmt.Fprintf(table, "%s\t%.4f ± %.4f\t%.4f ± %.4f\n", channel,
			d.Train.Mean[c], d.Train.Deviation[c], d.Validation.Mean[c], d.Validation.Deviation[c])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nSHA-256 of train       %s\nSHA-256 of validation  %s\n", d.Train.SHA256, d.Validation.SHA256)
	return err
}
