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

	"onnxlab/augment"
	"onnxlab/augment/sheet"
	"onnxlab/internal/durable"
)

const manifestName = "manifest.json"

// writePreviews writes the pictures, the sheet and last the manifest.
func writePreviews(ctx context.Context, opts *previewOptions, previews []preview) error {
	if err := os.MkdirAll(opts.out, 0o777); err != nil {
		return err
	}
	if err := removePreviews(opts.out); err != nil {
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
		entry := manifestEntry{i, p.source.label, fmt.Sprintf("%03d-source.png", i), fmt.Sprintf("%03d-augmented.png", i), p.plan}
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
	if err := writePNG(filepath.Join(opts.out, "sheet.png"), drawn); err != nil || !opts.gif {
		return err
	}
	animation, err := sheet.Animate(rows)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(opts.out, "preview.gif"), func(w io.Writer) error { return gif.EncodeAll(w, animation) })
}

func writePNG(path string, picture image.Image) error {
	return durable.WriteFile(path, func(w io.Writer) error { return png.Encode(w, picture) })
}

// removePreviews removes an earlier preview: its manifest first, so that what
// is left is not taken for a whole one, and the pictures that it names.
func removePreviews(dir string) error {
	path := filepath.Join(dir, manifestName)
	entries, err := readPlans(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &usageError{fmt.Errorf("--out %q holds something else than a preview: %w", dir, err)}
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	names := []string{"sheet.png", "preview.gif"}
	for i := range entries {
		names = append(names, fmt.Sprintf("%03d-source.png", i), fmt.Sprintf("%03d-augmented.png", i))
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
