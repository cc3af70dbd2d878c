package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"onnxlab/dataset/photo"
	"onnxlab/onnxmodels"
	"onnxlab/pipeline/internal/cli"
)

type predictOptions struct {
	cli.ModelFlags
	top       int
	resize    string
	memory    int
	recursive bool
	json, csv bool
}

func newPredictCommand() *cobra.Command {
	var opts predictOptions
	cmd := &cobra.Command{
		Use:   "predict IMAGE|DIR...",
		Short: "Classify images with a trained model",
		Long: `Classify JPEG, PNG, GIF, BMP and WebP images. Print a line for each, with the most
likely classes and their probabilities, separated by tabs. Class names and the format of
the input come from the model's metadata; without names, classes are numbers.

For a directory, all images in it are classified in the order of their names, and with
--recursive those in the directories below it too. Images are recognised by their
content, whatever their names. Hidden files and files that are not images are skipped,
which is noted on standard error. A hundred images at a time are classified while the
search for others goes on, so there may be any number of them.

Images may have any size. With --resize fill, the default of models that onnxlab
writes, the largest part in the middle of the image that has the model's proportions is
resized to the model's size (Catmull-Rom), as the images of folders are for training.
With --resize exact, images of other sizes are refused. Images are rotated according to
their EXIF or XMP data, and transparent parts are put on white.

--csv prints the header file,class,probability,class_2,probability_2 and so on, up to
--top, and then a row for each image. Probabilities are in 0..1.

If an image cannot be read, it is named on standard error, the others are
classified, and the exit status is 3.
` + cli.ExitHelp,
		Example: `  pipeline predict --run runs/quickstart/medium/16/seed-1 cat.png
  pipeline predict --run runs/pets --best --recursive --csv photos > classes.csv
  pipeline predict --model model.onnx --runtime go --json photos/*.jpg`,
		Args: cli.CheckArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPredict(cmd.Context(), &opts, args, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.Add(cmd)
	opts.AddBest(cmd)
	flags := cmd.Flags()
	flags.IntVar(&opts.top, "top", 3, "how many classes to show for each image")
	flags.StringVar(&opts.resize, "resize", "", onnxmodels.ResizeFill+" or "+onnxmodels.ResizeExact+" (default: the model's)")
	flags.BoolVar(&opts.recursive, "recursive", false, "also classify the images in directories below a directory")
	flags.IntVar(&opts.memory, "image-memory", photo.DefaultMemory>>20, "megabytes that decoding one image may take")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	flags.BoolVar(&opts.csv, "csv", false, "print CSV")
	return cmd
}

func (o *predictOptions) check() error {
	if err := o.Check(); err != nil {
		return err
	}
	switch {
	case o.top < 1:
		return cli.BadUsagef("--top: %d is below 1", o.top)
	case o.resize != "" && o.resize != onnxmodels.ResizeFill && o.resize != onnxmodels.ResizeExact:
		return cli.BadUsagef("--resize %q is neither %q nor %q", o.resize, onnxmodels.ResizeFill, onnxmodels.ResizeExact)
	case o.json && o.csv:
		return cli.BadUsage(errors.New("--json and --csv are different output formats: leave one out"))
	}
	return checkImageMemory(o.memory)
}

// checkImageMemory checks that --image-memory is in the same range as the setting
// data.image_memory.
func checkImageMemory(megabytes int) error {
	const most = 1_000_000
	if megabytes < 1 || megabytes > most {
		return cli.BadUsagef("--image-memory: %d is outside 1..%d", megabytes, most)
	}
	return nil
}

func runPredict(ctx context.Context, opts *predictOptions, paths []string, stdout, stderr io.Writer) (err error) {
	if err := opts.check(); err != nil {
		return err
	}
	c, err := opts.OpenAlone(ctx, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if opts.resize != "" {
		c.Resize = opts.resize
	}
	p := &predicting{Classifier: c, opts: opts, out: newPredictionWriter(opts, stdout, len(c.Classes)), stderr: stderr}
	for _, path := range paths {
		if err := p.take(ctx, path); err != nil {
			return p.end(err)
		}
	}
	return p.end(p.flush(ctx))
}
