package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"onnxlab/augment"
	"onnxlab/augment/sheet"
	"onnxlab/internal/durable"
	"onnxlab/pipeline/internal/cli"
)

// The files of a preview besides its pictures.
const (
	manifestName  = "manifest.json"
	sheetName     = "sheet.png"
	animationName = "preview.gif"
)

func sourceName(i int) string    { return fmt.Sprintf("%03d-source.png", i) }
func augmentedName(i int) string { return fmt.Sprintf("%03d-augmented.png", i) }

// previewFiles returns the names of the files of a preview with that many images, the
// manifest first.
func previewFiles(images int) []string {
	names := []string{manifestName, sheetName, animationName}
	for i := range images {
		names = append(names, sourceName(i), augmentedName(i))
	}
	return names
}

// writePreviews makes the preview in a temporary directory and moves it to --out when it
// is complete.
func writePreviews(ctx context.Context, opts *previewOptions, previews []preview) (err error) {
	earlier, err := refusePreview(opts, previews)
	if err != nil {
		return err
	}
	_, missing := os.Stat(opts.out)
	if err := os.MkdirAll(opts.out, 0o777); err != nil {
		return err
	}
	defer func() {
		if err != nil && missing != nil {
			os.Remove(opts.out)
		}
	}()
	// Remove what killed processes left behind. No preview takes an hour to make.
	if err := durable.RemoveLeftovers(opts.out, time.Hour); err != nil {
		return err
	}
	made, err := durable.TempDir(opts.out)
	if err != nil {
		return err
	}
	defer os.RemoveAll(made)
	if err := makePreviews(ctx, made, opts, previews); err != nil {
		return err
	}
	if err := removePreview(opts.out, earlier); err != nil {
		return err
	}
	return movePreview(made, opts.out, len(previews))
}

// makePreviews writes the pictures, the sheets and the manifest into dir.
func makePreviews(ctx context.Context, dir string, opts *previewOptions, previews []preview) error {
	var space augment.Workspace
	var rows []sheet.Row
	manifest := make([]manifestEntry, len(previews))
	for i, p := range previews {
		if err := ctx.Err(); err != nil {
			return err
		}
		source, augmented, err := p.images(&space)
		if err != nil {
			return err
		}
		entry := manifestEntry{i, p.source.label, sourceName(i), augmentedName(i), p.plan, p.crop}
		if err := writePNG(filepath.Join(dir, entry.Source), source); err != nil {
			return err
		}
		if err := writePNG(filepath.Join(dir, entry.Augmented), augmented); err != nil {
			return err
		}
		manifest[i] = entry
		if p.cropped != nil { // a row shows the whole photograph as its source
			if source, err = augment.ToImage(p.source.pixels, p.source.height, p.source.width); err != nil {
				return err
			}
		}
		rows = addToRows(rows, opts.variants, entry, source, augmented)
	}
	if err := writeSheets(ctx, dir, rows, opts.gif); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, manifestName), func(w io.Writer) error { return cli.PrintJSON(w, manifest) })
}

// images returns the picture before and after augmentation.
func (p *preview) images(space *augment.Workspace) (source, augmented *image.NRGBA, err error) {
	s := p.source
	if p.cropped != nil {
		s.pixels = p.cropped
	}
	changed := make([]uint8, len(s.pixels))
	if err := space.Apply(&p.plan, changed, s.pixels, s.height, s.width); err != nil {
		return nil, nil, err
	}
	if source, err = augment.ToImage(s.pixels, s.height, s.width); err != nil {
		return nil, nil, err
	}
	augmented, err = augment.ToImage(changed, s.height, s.width)
	return source, augmented, err
}

// addToRows adds an image to the last row if both have the same source, and otherwise to
// a new row.
func addToRows(rows []sheet.Row, variants int, entry manifestEntry, source, augmented *image.NRGBA) []sheet.Row {
	variant := sheet.Variant{Image: augmented, Caption: sheet.Caption(entry.whole())}
	if n := len(rows); n > 0 {
		last := &rows[n-1]
		if len(last.Variants) < variants && last.Label == entry.Label && last.Source.Rect == source.Rect && bytes.Equal(last.Source.Pix, source.Pix) {
			last.Variants = append(last.Variants, variant)
			return rows
		}
	}
	return append(rows, sheet.Row{Label: entry.Label, Source: source, Variants: []sheet.Variant{variant}})
}

// writeSheets writes sheet.png and, if animated is true, preview.gif.
func writeSheets(ctx context.Context, dir string, rows []sheet.Row, animated bool) error {
	drawn, err := sheet.Draw(rows)
	if err != nil {
		return err
	}
	if err := writePNG(filepath.Join(dir, sheetName), drawn); err != nil || !animated {
		return err
	}
	animation, err := sheet.Animate(ctx, rows)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, animationName), func(w io.Writer) error { return gif.EncodeAll(w, animation) })
}

func writePNG(path string, picture image.Image) error {
	return durable.WriteFile(path, func(w io.Writer) error { return png.Encode(w, picture) })
}

// refusePreview refuses a directory with files that the preview must not replace, and
// returns how many images the earlier preview in it has.
func refusePreview(opts *previewOptions, previews []preview) (earlier int, err error) {
	entries, err := readPlans(filepath.Join(opts.out, manifestName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, cli.BadUsagef("--out %q contains something other than a preview: %w", opts.out, err)
	}
	inputs := []string{opts.plan}
	for _, p := range previews {
		inputs = append(inputs, p.source.path)
	}
	names := previewFiles(max(len(entries), len(previews)))
	return len(entries), cli.RefuseDirectory("out", opts.out, names, slices.Compact(inputs)...)
}

// removePreview removes a preview with that many images, 0 if there is none. It removes the
// manifest first, so that the rest does not look like a complete preview.
func removePreview(dir string, images int) error {
	if images == 0 {
		return nil
	}
	for _, name := range previewFiles(images) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// movePreview moves a preview with that many images from one directory into another, its
// manifest last.
func movePreview(from, to string, images int) error {
	names := previewFiles(images)
	for _, name := range append(names[1:], names[0]) {
		err := os.Rename(filepath.Join(from, name), filepath.Join(to, name))
		if name == animationName && errors.Is(err, os.ErrNotExist) {
			continue // there is none without --gif
		}
		if err != nil {
			return err
		}
	}
	return durable.SyncDir(to)
}
