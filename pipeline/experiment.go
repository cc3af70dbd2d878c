package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/ortlib"
)

// experimentFlags are --config and --set, which every command that follows an
// experiment has.
type experimentFlags struct {
	config string
	sets   []string
}

func (f *experimentFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.config, "config", "", "experiment to follow, a YAML file (default: the study's settings)")
	cmd.Flags().StringArrayVar(&f.sets, "set", nil, "override one setting, section.key=value (repeatable)")
}

func (f *experimentFlags) load() (*configs.Experiment, error) {
	return configs.Load(f.config, f.sets)
}

// loadData reads the images that the experiment trains and validates on.
func loadData(ctx context.Context, d configs.Data) (train, validation *dataset.Set, err error) {
	return dataset.Load(ctx, dataset.Options{
		Source: d.Source, Path: d.Path, Train: d.Train, Validation: d.Validation, Size: d.Size,
	})
}

// openLibrary finds or fetches the native library and opens it.
func openLibrary(ctx context.Context, r configs.Runtime, progress io.Writer) error {
	path, err := ortlib.Ensure(ctx, ortlib.Options{Library: r.Library, Device: r.Device, Progress: progress})
	if err != nil {
		return err
	}
	return ortlib.Open(path)
}
