package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"

	"onnxlab/augment"
	"onnxlab/augment/sheet"
	"onnxlab/internal/durable"
)

// The files of a preview besides its pictures.
const (
	manifestName  = "manifest.json"
	sheetName     = "sheet.png"
	animationName = "preview.gif"
)

func sourceName(i int) string    { return fmt.Sprintf("%03d-source.png", i) }
func augmentedName(i int) string { return fmt.Sprintf("%03d-augmented.png", i) }

// previewFiles are the names of the files of a preview of so many images.
func previewFiles(images int) []string {
	names := []string{manifestName, sheetName, animationName}
	for i := range images {
		names = append(names, sourceName(i), augmentedName(i))
	}
	return names
}

// writePreviews writes the pictures, the sheet and last the manifest.
func writePreviews(ctx context.Context, opts *previewOptions, previews []preview) error {
	if err := makeRoom(opts, previews); err != nil {
		return err
	}
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
		entry := manifestEntry{i, p.source.label, sourceName(i), augmentedName(i), p.plan}
		if err := writePNG(filepath.Join(opts.out, entry.Source), source); err != nil {
			return err
		}
		if err := writePNG(filepath.Join(opts.out, entry.Augmented), augmented); err != nil {
			return err
		}
		manifest[i] = entry
		rows = addToRows(rows, opts.variants, entry, source, augmented)
	}
	if err := writeSheets(opts, rows); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(opts.out, manifestName), func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(manifest)
	})
}

// images returns the picture before and after.
func (p *preview) images(space *augment.Workspace) (source, augmented *image.NRGBA, err error) {
	s := p.source
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

// addToRows puts an image beside the one before it if both are of one source,
// and into a new row otherwise.
func addToRows(rows []sheet.Row, variants int, entry manifestEntry, source, augmented *image.NRGBA) []sheet.Row {
	variant := sheet.Variant{Image: augmented, Caption: sheet.Caption(entry.Plan)}
	if n := len(rows); n > 0 {
		last := &rows[n-1]
		if len(last.Variants) < variants && last.Label == entry.Label && last.Source.Rect == source.Rect && bytes.Equal(last.Source.Pix, source.Pix) {
			last.Variants = append(last.Variants, variant)
			return rows
		}
	}
	return append(rows, sheet.Row{Label: entry.Label, Source: source, Variants: []sheet.Variant{variant}})
}

// writeSheets writes sheet.png, and preview.gif if it is asked for.
func writeSheets(opts *previewOptions, rows []sheet.Row) error {
	drawn, err := sheet.Draw(rows)
	if err != nil {
		return err
	}
	if err := writePNG(filepath.Join(opts.out, sheetName), drawn); err != nil || !opts.gif {
		return err
	}
	animation, err := sheet.Animate(rows)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(opts.out, animationName), func(w io.Writer) error { return gif.EncodeAll(w, animation) })
}

func writePNG(path string, picture image.Image) error {
	return durable.WriteFile(path, func(w io.Writer) error { return png.Encode(w, picture) })
}

// makeRoom makes the directory, or removes an earlier preview from it.
func makeRoom(opts *previewOptions, previews []preview) error {
	earlier, err := readPlans(filepath.Join(opts.out, manifestName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return &usageError{fmt.Errorf("--out %q holds something else than a preview: %w", opts.out, err)}
	}
	inputs := []string{opts.plan}
	for _, p := range previews {
		inputs = append(inputs, p.source.path)
	}
	names := previewFiles(max(len(earlier), len(previews)))
	if err := refuseDirectory("out", opts.out, names, slices.Compact(inputs)...); err != nil {
		return err
	}
	if len(earlier) == 0 {
		return os.MkdirAll(opts.out, 0o777)
	}
	return removePreview(opts.out, len(earlier))
}

// removePreview removes a preview of so many images: its manifest first, so that
// what is left is not taken for a whole one.
func removePreview(dir string, images int) error {
	for _, name := range previewFiles(images) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
