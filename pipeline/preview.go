package main

import (
	"context"
	"fmt"
	"image"
	"io"
	"os"

	"github.com/spf13/cobra"

	"onnxlab/augment"
	"onnxlab/configs"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
)

type previewOptions struct {
	cli.ExperimentFlags
	out      string
	count    int
	variants int
	seed     uint64
	image    string
	plan     string
	gif      bool
}

// The greatest numbers of images in a preview, and of variants of one source.
const (
	mostPreviews = 999
	mostVariants = 20
)

func newPreviewCommand() *cobra.Command {
	var opts previewOptions
	cmd := &cobra.Command{
		Use:   "preview --out DIR",
		Short: "Show how augmentation changes the training images",
		Long: `Show how the augmentation of an experiment changes its first training images. The
variants of an image are those that the first, the second, … epoch of a run with the
same seed sees. The command writes into DIR: sheet.png, with the drawn parameters below
each picture, NNN-source.png and NNN-augmented.png, and last manifest.json with the
plans.

With --image the source is a picture of your own, which is reduced to at most 1024 pixels
on each side. With --plan the plans are read from a manifest, or from a list of plans,
and applied again exactly: to --image if it is given, otherwise to the sources that the
manifest names in its folder, otherwise to the training images.

An earlier preview in DIR is replaced, unless its files are inputs of this one.
` + cli.ExitHelp,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runPreview(cmd.Context(), &opts, cmd.Flags().Changed("seed"), cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.Add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opts.out, "out", "", "directory for the pictures (required)")
	flags.IntVar(&opts.count, "count", 24, "augmented images to make")
	flags.IntVar(&opts.variants, "variants", 4, "images to make from one source, and pictures in one line of the sheet")
	flags.Uint64Var(&opts.seed, "seed", 0, "seed of the plans (default: the experiment's)")
	flags.StringVar(&opts.image, "image", "", "picture to augment, a JPEG, PNG, GIF, BMP or WebP file")
	flags.StringVar(&opts.plan, "plan", "", "manifest.json, or JSON file with a list of plans, to apply")
	flags.BoolVar(&opts.gif, "gif", false, "also write an animation, preview.gif")
	return cmd
}

func (o *previewOptions) check() error {
	switch {
	case o.out == "":
		return cli.BadUsagef("--out DIR is required")
	case o.count < 1 || o.count > mostPreviews:
		return cli.BadUsagef("--count: %d is outside 1..%d", o.count, mostPreviews)
	case o.variants < 1 || o.variants > mostVariants:
		return cli.BadUsagef("--variants: %d is outside 1..%d", o.variants, mostVariants)
	}
	return nil
}

func runPreview(ctx context.Context, opts *previewOptions, seeded bool, stdout, stderr io.Writer) error {
	if err := opts.check(); err != nil {
		return err
	}
	experiment, err := opts.Load("data", "augment")
	if err != nil {
		return err
	}
	if err := cli.RefuseAmongImages("out", opts.out, opts.out, experiment.Data); err != nil {
		return err
	}
	if seeded {
		experiment.Seed = opts.seed
	}
	recipe, err := trainloop.Recipe(experiment.Augment)
	if err != nil {
		return cli.BadUsage(err)
	}
	previews, err := opts.make(ctx, experiment, recipe, stderr)
	if err != nil {
		return err
	}
	if err := writePreviews(ctx, opts, previews); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: %d images\n", opts.out, len(previews))
	return err
}

// picture is an image that plans are applied to.
type picture struct {
	label         string
	path          string // empty for an image of the data set
	pixels        []uint8
	height, width int
	// cut reads a part of the original, if the data set streams; otherwise nil.
	cut func(dst []uint8, choose func(height, width int) image.Rectangle) error
}

// preview is a picture and the plan for it.
type preview struct {
	source picture
	plan   augment.Plan
	// cropped are the pixels that the plan is applied to if they are the part crop of the
	// original; otherwise nil.
	cropped []uint8
	crop    augment.Crop
}

// newPreview returns the preview of a picture as an epoch changes it.
func newPreview(source picture, recipe *augment.Recipe, seed, epoch uint64, index int) (p preview, err error) {
	p = preview{source: source, plan: recipe.PlanFor(seed, epoch, index, source.height, source.width)}
	if source.cut == nil || !recipe.Crops() {
		return p, nil
	}
	drawer := augment.NewDrawer(recipe, seed)
	p.cropped, p.plan.Crop = make([]uint8, len(source.pixels)), augment.Crop{}
	err = source.cut(p.cropped, func(height, width int) image.Rectangle {
		p.crop = drawer.Crop(epoch, uint64(index), height, width)
		return p.crop.Rectangle()
	})
	return p, err
}

// make returns the previews: which plan is applied to which picture.
func (o *previewOptions) make(ctx context.Context, e *configs.Experiment, recipe *augment.Recipe, stderr io.Writer) ([]preview, error) {
	switch {
	case o.plan != "":
		return o.makePlanned(ctx, e, stderr)
	case o.image != "":
		source, err := readPicture(o.image)
		if err != nil {
			return nil, err
		}
		previews := make([]preview, o.count)
		for i := range previews {
			if previews[i], err = newPreview(source, recipe, e.Seed, uint64(i), 0); err != nil {
				return nil, err
			}
		}
		return previews, nil
	}
	sources, err := firstPictures(ctx, e.Data, (o.count+o.variants-1)/o.variants, stderr)
	if err != nil {
		return nil, err
	}
	previews := make([]preview, o.count)
	for i := range previews {
		index, epoch := i/o.variants, i%o.variants
		source := sources[index%len(sources)]
		if previews[i], err = newPreview(source, recipe, e.Seed, uint64(epoch), index%len(sources)); err != nil {
			return nil, err
		}
	}
	return previews, nil
}

// makePlanned makes the previews from the plans in a file.
func (o *previewOptions) makePlanned(ctx context.Context, e *configs.Experiment, stderr io.Writer) ([]preview, error) {
	planned, err := readPlans(o.plan)
	if err != nil {
		return nil, err
	}
	sources, err := o.plannedSources(ctx, e, planned, stderr)
	if err != nil {
		return nil, err
	}
	previews := make([]preview, len(planned))
	for i, p := range planned {
		previews[i] = preview{source: sources[i%len(sources)], plan: p.Plan}
	}
	return previews, nil
}

// plannedSources returns the pictures for the plans. If there are fewer pictures than
// plans, they are used in turns.
func (o *previewOptions) plannedSources(ctx context.Context, e *configs.Experiment, planned []manifestEntry, stderr io.Writer) ([]picture, error) {
	switch {
	case o.image != "":
		source, err := readPicture(o.image)
		return []picture{source}, err
	case planned[0].Source != "":
		return readSources(o.plan, planned)
	}
	return firstPictures(ctx, e.Data, len(planned), stderr)
}
