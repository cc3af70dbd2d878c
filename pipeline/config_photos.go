package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"onnxlab/augment/batch"
	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
)

// photoNote estimates how long an epoch of streamed photographs takes to read, from a first
// batch of at most 64 of them. It is empty for other images, and if the photographs cannot
// be found, because the configuration may be for another machine.
func photoNote(ctx context.Context, file string, sets []string) (string, error) {
	e, err := configs.Load(file, sets)
	if err != nil || !e.Data.Photographs() || e.Data.Source == "folder" && e.Data.Read != configs.ReadStream {
		return "", nil // checkExperiment has reported mistakes
	}
	train, err := cli.LoadSplit(ctx, e.Data, io.Discard, dataset.Train)
	if err != nil {
		return "", ctx.Err()
	}
	recipe, err := trainloop.Recipe(e.Augment)
	if err != nil {
		return "", nil
	}
	const most = 64
	size := min(e.Train.BatchSize, most, train.Len())
	height, width := train.Size()
	bytes := height * width * train.Channels()
	start := time.Now()
	loader, err := batch.NewLoader(train, batch.LoaderOptions{Seed: e.Seed, BatchSize: size, Recipe: recipe, Prefetch: 1})
	if err != nil {
		return "", nil
	}
	defer loader.Close()
	if _, err := loader.Next(ctx, make([]uint8, size*bytes), make([]int64, size)); err != nil {
		return fmt.Sprintf("%s: note: photographs cannot be read: %v", file, err), ctx.Err()
	}
	rate := float64(size) / time.Since(start).Seconds()
	const batches = 3 // two that are prefetched, and the one in training
	return fmt.Sprintf("%s: note: reading and augmenting the %d photographs of an epoch takes about %.0f s (%.0f a second, measured on %d), and batches of %d take %d MB",
		file, train.Len(), float64(train.Len())/rate, rate, size, e.Train.BatchSize, (batches*e.Train.BatchSize*bytes)>>20), nil
}
