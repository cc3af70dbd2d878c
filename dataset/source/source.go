// Package source loads the images that the data settings of an experiment name, whatever
// their source is.
package source

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/cifar"
	"onnxlab/dataset/folder"
	"onnxlab/dataset/idx"
	"onnxlab/dataset/photo"
	"onnxlab/dataset/shard"
	"onnxlab/dataset/synthetic"
)

// Load reads the given splits, by default those for training and validation. A split that a
// source does not have is nil; only folders and shards have test images. If the data is
// missing or wrong, the error is a [*dataset.Error].
func Load(ctx context.Context, d configs.Data, splits ...dataset.Split) (*dataset.Splits, error) {
	if len(splits) == 0 {
		splits = []dataset.Split{dataset.Train, dataset.Validation}
	}
	loaded, err := read(ctx, d, splits)
	if err != nil || d.Channels == 0 {
		return loaded, err
	}
	for _, split := range splits {
		if set := loaded.Of(split); set != nil {
			if err := set.Draw(ctx); err != nil {
				return nil, err
			}
			loaded.Put(split, set.WithChannels(d.Channels))
		}
	}
	return loaded, nil
}

// read reads the splits with the source's own number of channels.
func read(ctx context.Context, d configs.Data, splits []dataset.Split) (*dataset.Splits, error) {
	limits := limitsOf(d)
	switch d.Source {
	case "synthetic":
		return synthetic.Load(ctx, d.Path, limits, splits...)
	case "cifar10":
		return cifar.CIFAR10().Load(ctx, d.Path, limits, splits...)
	case "cifar100":
		return cifar.CIFAR100().Load(ctx, d.Path, limits, splits...)
	case configs.SourceMNIST:
		return idx.Load(ctx, idx.Options{Path: d.Path, Height: d.Size, Width: d.Width, Limits: limits}, splits...)
	case "folder":
		return loadFolder(ctx, d, splits)
	case "shards":
		return loadShards(ctx, d, splits)
	}
	return nil, fmt.Errorf("load data: source %q is unknown", d.Source)
}

// loadFolder opens the decoder and reads the folder.
func loadFolder(ctx context.Context, d configs.Data, splits []dataset.Split) (*dataset.Splits, error) {
	o := folderOptions(d)
	decoder, note, err := openDecoder(ctx, d)
	if err != nil {
		return nil, err
	}
	o.Decoder = decoder
	loaded, err := folder.Load(ctx, o, splits...)
	if err == nil && note != "" {
		loaded.Notes = append(loaded.Notes, note)
	}
	return loaded, err
}

// loadShards opens the decoder and the shards.
func loadShards(ctx context.Context, d configs.Data, splits []dataset.Split) (*dataset.Splits, error) {
	decoder, note, err := openDecoder(ctx, d)
	if err != nil {
		return nil, err
	}
	o := shardOptions(d)
	o.Decoder = decoder
	loaded, err := shard.Load(ctx, o, splits...)
	if err == nil && note != "" {
		loaded.Notes = append(loaded.Notes, note)
	}
	return loaded, err
}

func shardOptions(d configs.Data) shard.Options {
	f := folderOptions(d)
	return shard.Options{
		Path: f.Path, Height: f.Height, Width: f.Width, Limits: f.Limits, ValidationShare: f.ValidationShare,
		SkipBroken: f.SkipBroken, Photo: f.Photo, Transform: f.Transform, Memory: f.Memory,
	}
}

// openDecoder opens the decoder that the settings name. The note says why it is not the
// faster one.
func openDecoder(ctx context.Context, d configs.Data) (decoder photo.Decoder, note string, err error) {
	if !d.Turbo() {
		return photo.Decoder{}, "", nil
	}
	decoder, err = photo.OpenDecoder(ctx, nil)
	if err != nil && ctx.Err() == nil && d.Decoder == configs.DecoderAuto {
		return photo.Decoder{}, fmt.Sprintf("JPEG images are decoded with Go's decoder, which takes three times as long: %v", err), nil
	}
	return decoder, "", err
}

// Fetch fetches what [Load] would fetch from the network, unless it is already there, and
// reports the progress. That is MNIST, if the data settings name it without a path, and the
// decoder of photographs. If something cannot be fetched, Load works without it or returns
// an error that says why not.
func Fetch(ctx context.Context, d configs.Data, progress io.Writer) error {
	if d.Photographs() && d.Turbo() {
		_, _ = photo.OpenDecoder(ctx, progress)
		return ctx.Err()
	}
	if d.Source != configs.SourceMNIST || d.Path != "" {
		return nil
	}
	_, err := idx.Fetch(ctx, idx.FetchOptions{Progress: progress})
	return err
}

// Survey describes a source without reading its images, with the notes that Load would
// return about the given splits.
func Survey(d configs.Data, splits ...dataset.Split) (dataset.Survey, error) {
	if d.Source == "shards" {
		return shard.Survey(context.Background(), shardOptions(d))
	}
	if d.Source == "folder" {
		return folder.Survey(folderOptions(d), splits...)
	}
	survey := dataset.Survey{Own: []dataset.Split{dataset.Train, dataset.Validation}}
	if d.Source != configs.SourceMNIST || d.Path == "" {
		return survey, nil
	}
	var err error
	survey.Classes, err = idx.Classes(context.Background(), d.Path) // reads a few kilobytes
	return survey, err
}

func limitsOf(d configs.Data) dataset.Limits {
	return dataset.Limits{Train: d.Train, Validation: d.Validation}
}

// memory returns the number of bytes that the pixels of all images may take.
func memory(d configs.Data) int64 {
	if d.Read == configs.ReadMemory {
		return math.MaxInt64
	}
	return int64(d.Memory) << 20
}

func folderOptions(d configs.Data) folder.Options {
	height, width := d.Sides()
	return folder.Options{
		Path: d.Path, Labels: d.Labels, Height: height, Width: width, Limits: limitsOf(d),
		ValidationShare: d.ValidationShare, SkipBroken: d.Broken == configs.BrokenSkip,
		Photo:     photo.Limits{Memory: int64(d.ImageMemory) << 20},
		Transform: photo.Transform(cmp.Or(d.Transform, configs.TransformSquare)),
		Stream:    d.Read == configs.ReadStream, Memory: memory(d),
	}
}
