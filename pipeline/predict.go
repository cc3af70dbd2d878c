package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"onnxlab/dataset"
	"onnxlab/dataset/photo"
	"onnxlab/internal/printable"
	"onnxlab/onnxmodels"
)

type predictOptions struct {
	modelFlags
	top    int
	resize string
	json   bool
}

func newPredictCommand() *cobra.Command {
	var opts predictOptions
	cmd := &cobra.Command{
		Use:   "predict IMAGE...",
		Short: "Classify images with a trained model",
		Long: `Classify PNG and JPEG images: a line for each, with the most likely classes and
their probabilities, separated by tabs. Class names and the form of the input are
those in the model's metadata; without names, classes are numbers.

Images may have any size. With --resize fill, the default of models that onnxlab
writes, the largest part of the model's proportions in the middle of the image is
resized to the model's size (Catmull-Rom), as the images of folders are for
training. With --resize exact other sizes are refused. JPEG pictures are turned as
their EXIF data says, and transparent parts are seen on white.

An image that cannot be read is named on standard error, the others are
classified, and the exit status is 3.
` + exitHelp,
		Example: `  pipeline predict --run runs/quickstart/medium/16 cat.png
  pipeline predict --model model.onnx --runtime go --json photos/*.jpg`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPredict(cmd.Context(), &opts, args, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.add(cmd)
	opts.addBest(cmd)
	cmd.Flags().IntVar(&opts.top, "top", 3, "how many classes to show of each image")
	cmd.Flags().StringVar(&opts.resize, "resize", "", onnxmodels.ResizeFill+" or "+onnxmodels.ResizeExact+" (default: the model's)")
	cmd.Flags().BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

func (o *predictOptions) check() error {
	if err := o.modelFlags.check(); err != nil {
		return err
	}
	switch {
	case o.top < 1:
		return &usageError{fmt.Errorf("--top: %d is below 1", o.top)}
	case o.resize != "" && o.resize != onnxmodels.ResizeFill && o.resize != onnxmodels.ResizeExact:
		return &usageError{fmt.Errorf("--resize %q is neither %q nor %q", o.resize, onnxmodels.ResizeFill, onnxmodels.ResizeExact)}
	}
	return nil
}

// prediction is what is told about one image.
type prediction struct {
	Image string `json:"image"`
	Top   []rank `json:"top"`
}

// rank is one class of an image, the most likely first.
type rank struct {
	Class       string  `json:"class"`
	Label       int     `json:"label"`
	Probability float64 `json:"probability"`
}

func runPredict(ctx context.Context, opts *predictOptions, paths []string, stdout, stderr io.Writer) (err error) {
	if err := opts.check(); err != nil {
		return err
	}
	c, err := opts.openAlone(ctx, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if opts.resize != "" {
		c.Resize = opts.resize
	}
	// Few enough for their pixels to need little memory, however many come.
	const atOnce = 100
	all, bad := []prediction{}, []error(nil)
	for some := range slices.Chunk(paths, atOnce) {
		predictions, unread, err := c.classify(ctx, some, opts.top)
		if err != nil {
			return err
		}
		bad = append(bad, unread...)
		if opts.json {
			all = append(all, predictions...)
		} else if err := writePredictions(stdout, predictions); err != nil {
			return err
		}
	}
	if opts.json {
		if err := printJSON(stdout, all); err != nil {
			return err
		}
	}
	return errors.Join(bad...)
}

// classify answers for the images at the paths, but for those that cannot be
// read: why is in bad.
func (c *classifier) classify(ctx context.Context, paths []string, top int) (predictions []prediction, bad []error, err error) {
	images, faults := make([][]uint8, len(paths)), make([]error, len(paths))
	err = photo.ReadAll(ctx, photo.OpenFile, paths, photo.Limits{}, func(i int, p *photo.Photo, err error) error {
		if err == nil {
			images[i], err = c.take(p)
		}
		if err != nil {
			faults[i] = dataset.FileError(paths[i], err)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	var pixels []uint8
	for i, path := range paths {
		if faults[i] != nil {
			bad = append(bad, faults[i])
			continue
		}
		pixels = append(pixels, images[i]...)
		predictions = append(predictions, prediction{Image: path})
	}
	if len(predictions) == 0 {
		return nil, bad, nil
	}
	_, probabilities, err := c.Predict(ctx, pixels)
	var wrong *notFiniteError
	if errors.As(err, &wrong) {
		err = fmt.Errorf("classify %q: %w", predictions[wrong.image].Image, err)
	}
	if err != nil {
		return nil, nil, err
	}
	for i := range predictions {
		predictions[i].Top = ranks(probabilities[i*len(c.Classes):(i+1)*len(c.Classes)], c.Classes, top)
	}
	return predictions, bad, nil
}

// take makes of a picture what the model takes.
func (c *classifier) take(p *photo.Photo) ([]uint8, error) {
	if h, w := p.Size(); c.Resize == onnxmodels.ResizeExact && (h != c.Height || w != c.Width) {
		return nil, fmt.Errorf("it has %dx%d pixels, the model takes %dx%d (--resize %s resizes it)",
			w, h, c.Width, c.Height, onnxmodels.ResizeFill)
	}
	return p.Fill(c.Height, c.Width), nil
}

// ranks returns the most likely classes, of equals the first.
func ranks(probabilities []float32, classes []string, top int) []rank {
	all := make([]rank, len(classes))
	for i, p := range probabilities {
		all[i] = rank{classes[i], i, float64(p)}
	}
	slices.SortStableFunc(all, func(a, b rank) int { return cmp.Compare(b.Probability, a.Probability) })
	return all[:min(top, len(all))]
}

func writePredictions(w io.Writer, predictions []prediction) error {
	for _, p := range predictions {
		line := printable.Line(p.Image)
		for _, r := range p.Top {
			line += fmt.Sprintf("\t%s %.2f %%", printable.Name(r.Class), 100*r.Probability)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
