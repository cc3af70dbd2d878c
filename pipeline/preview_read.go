package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"

	"onnxlab/augment"
	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/photo"
	"onnxlab/internal/durable"
	"onnxlab/pipeline/internal/cli"
)

// maxPictureSide is the greatest side of a picture from --image; larger ones are reduced.
const maxPictureSide = 1024

// readPicture reads an image file, turned upright.
func readPicture(path string) (picture, error) {
	read, err := photo.ReadFile(path, photo.Limits{})
	if err != nil {
		return picture{}, err
	}
	pixels, height, width := augment.FromImage(read.Fit(maxPictureSide))
	label := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return picture{label, path, pixels, height, width, nil}, nil
}

// firstPictures loads the first training images: count of them, or all if
// there are fewer.
func firstPictures(ctx context.Context, d configs.Data, count int, stderr io.Writer) ([]picture, error) {
	if d.Train == 0 || d.Train > count {
		d.Train = count
	}
	train, err := cli.LoadSplit(ctx, d, stderr, dataset.Train)
	if err != nil {
		return nil, err
	}
	pictures := make([]picture, train.Len())
	for i := range pictures {
		pixels, err := train.ReadImages(ctx, i, i+1, nil)
		if err != nil {
			return nil, err
		}
		pictures[i] = picture{train.Classes[train.Label(i)], "", pixels, train.Height, train.Width, nil}
		if train.Streams() {
			pictures[i].cut = func(dst []uint8, choose func(height, width int) image.Rectangle) error {
				return train.ReadImage(ctx, i, dst, choose)
			}
		}
	}
	return pictures, nil
}

// manifestEntry is one image of manifest.json.
type manifestEntry struct {
	Index     int          `json:"index"`
	Label     string       `json:"label"`
	Source    string       `json:"source"`
	Augmented string       `json:"augmented"`
	Plan      augment.Plan `json:"plan"`
	// Crop is the part of the photograph that the source shows, in pixels of the photograph.
	Crop augment.Crop `json:"crop,omitzero"`
}

// whole returns the plan together with the crop.
func (e manifestEntry) whole() augment.Plan {
	plan := e.Plan
	if !e.Crop.Empty() {
		plan.Crop = e.Crop
	}
	return plan
}

// maxPlanFile is the greatest size of a file of plans in bytes.
const maxPlanFile = 16 << 20

// readPlans reads a manifest or a list of plans, with at least one and at most
// mostPreviews entries.
func readPlans(path string) ([]manifestEntry, error) {
	data, err := durable.ReadPlain(path, maxPlanFile)
	if err != nil {
		return nil, cli.BadData(err)
	}
	var items []json.RawMessage
	if err := json.Unmarshal(data, &items); err != nil {
		return nil, cli.BadDataf("read plans %q: %w", path, err)
	}
	if len(items) < 1 || len(items) > mostPreviews {
		return nil, cli.BadDataf("read plans %q: %d plans are outside 1..%d", path, len(items), mostPreviews)
	}
	entries := make([]manifestEntry, len(items))
	for i, item := range items {
		if err := readPlan(item, &entries[i]); err != nil {
			return nil, cli.BadDataf("read plans %q: item %d: %w", path, i, err)
		}
		if (entries[i].Source == "") != (entries[0].Source == "") {
			return nil, cli.BadDataf("read plans %q: item %d: either all items must have a source, or none", path, i)
		}
	}
	return entries, nil
}

// readPlan reads an entry of a manifest, or only a plan.
func readPlan(item []byte, entry *manifestEntry) error {
	var named struct {
		Plan json.RawMessage `json:"plan"`
	}
	if err := json.Unmarshal(item, &named); err != nil {
		return err
	}
	if named.Plan == nil {
		return json.Unmarshal(item, &entry.Plan)
	}
	d := json.NewDecoder(bytes.NewReader(item))
	d.DisallowUnknownFields()
	return d.Decode(entry)
}

// readSources reads the sources that a manifest names, from the manifest's folder.
func readSources(manifest string, entries []manifestEntry) ([]picture, error) {
	pictures := make([]picture, len(entries))
	for i, entry := range entries {
		if !filepath.IsLocal(entry.Source) {
			return nil, cli.BadDataf("read plans %q: item %d: source %q is not in the folder of this file", manifest, i, entry.Source)
		}
		p, err := readPicture(filepath.Join(filepath.Dir(manifest), entry.Source))
		if errors.Is(err, os.ErrNotExist) {
			return nil, cli.BadDataf("%w; give a picture with --image", err)
		}
		if err != nil {
			return nil, err
		}
		p.label = entry.Label
		pictures[i] = p
	}
	return pictures, nil
}
