package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/source"
	"onnxlab/trainloop/evaluation"
)

type evaluateOptions struct {
	dataFlags
	modelFlags
	out   string
	wrong int
	split string
	json  bool
}

func newEvaluateCommand() *cobra.Command {
	var opts evaluateOptions
	cmd := &cobra.Command{
		Use:   "evaluate",
		Short: "Tell how well a trained model does on a labelled set",
		Long: `Classify labelled images and tell how well that went: accuracy, loss (mean
cross-entropy), the confusion matrix, and of each class precision (of what was
taken for it, the share that was it) and recall (of what was it, the share that
was taken for it).

With --run the model and the images are the run's; --source, --data and --set take
others. With --model the images are those of --config and --set. A folder with one for
test images is evaluated on these, a folder of classes that --data names on all of its
images, and everything else on its validation images; --split takes others.

--out DIR keeps evaluation.json, confusion.csv, confusion.png, confusion.svg and,
if any image was classified wrong, wrong.png with those whose wrong class had the
highest probability.
` + exitHelp,
		Example: `  pipeline evaluate --run runs/quickstart/medium/16 --out evaluation
  pipeline evaluate --model model.onnx --source cifar10 --data cifar --runtime go`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runEvaluate(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.dataFlags.add(cmd, "data")
	opts.modelFlags.add(cmd)
	opts.addBest(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opts.out, "out", "", "directory for the files")
	flags.IntVar(&opts.wrong, "wrong", 24, "how many of the images that were classified wrong to list and show")
	flags.StringVar(&opts.split, "split", "", "train, validation, test or all (default: test, all or validation, as above)")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

// evaluated is what is told of an evaluation.
type evaluated struct {
	Model   string `json:"model"`
	Runtime string `json:"runtime"`
	Source  string `json:"source"`
	// Split is "train", "validation", "test" or "all".
	Split dataset.Split `json:"split"`
	*evaluation.Report
}

func runEvaluate(ctx context.Context, opts *evaluateOptions, stdout, stderr io.Writer) (err error) {
	const mostWrong = 1000 // a sheet of 20 megapixels
	if opts.wrong < 0 || opts.wrong > mostWrong {
		return &usageError{fmt.Errorf("--wrong: %d is outside 0..%d", opts.wrong, mostWrong)}
	}
	if err := opts.check(); err != nil {
		return err
	}
	if opts.split != "" && splitNouns[dataset.Split(opts.split)] == "" {
		return &usageError{fmt.Errorf("--split: %q is not one of train, validation, test, all", opts.split)}
	}
	if err := refuseDirectory("out", opts.out, evaluationFiles(), opts.path()); err != nil {
		return err
	}
	experiment, err := opts.loadOrOfRun(opts.run)
	if err != nil {
		return err
	}
	if err := refuseAmongImages("out", opts.out, opts.out, experiment.Data); err != nil {
		return err
	}
	c, err := opts.open(ctx, experiment.Runtime, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	set, split, err := opts.images(ctx, experiment.Data, stderr)
	if err != nil {
		return err
	}
	if err := c.fits(set); err != nil {
		return &dataError{err}
	}
	report, err := evaluation.Run(ctx, c, set)
	if err != nil {
		return err
	}
	report.Wrong = report.Wrong[:min(opts.wrong, len(report.Wrong))]
	e := evaluated{c.Path, opts.runtime, set.Name, split, report}
	if opts.out != "" {
		if err := e.writeFiles(opts.out, set); err != nil {
			return err
		}
	}
	if opts.json {
		return printJSON(stdout, e)
	}
	return e.writeTables(stdout)
}

// images reads those that the model is evaluated on.
func (o *evaluateOptions) images(ctx context.Context, d configs.Data, stderr io.Writer) (*dataset.Set, dataset.Split, error) {
	split, err := o.chooseSplit(d)
	if err != nil {
		return nil, "", err
	}
	set, err := loadSplit(ctx, d, stderr, split)
	if err == nil && set == nil {
		err = &dataError{fmt.Errorf("%s %q has no %s", d.Source, d.Path, splitNouns[split])}
	}
	return set, split, err
}

// splitNouns are what the images of a split are called.
var splitNouns = map[dataset.Split]string{
	dataset.Train: "training images", dataset.Validation: "validation images", dataset.Test: "test images", dataset.All: "images",
}

// chooseSplit is --split, or else what no training has seen: the test images where they
// have a folder, all images of a folder that --data names and that is not divided, and
// those of validation elsewhere.
func (o *evaluateOptions) chooseSplit(d configs.Data) (dataset.Split, error) {
	if o.split != "" {
		return dataset.Split(o.split), nil
	}
	found, err := source.Survey(d, dataset.Test)
	switch {
	case err != nil:
		return "", err
	case slices.Contains(found.Own, dataset.Test):
		return dataset.Test, nil
	case len(found.Own) == 0 && o.dataPath != "":
		return dataset.All, nil
	}
	return dataset.Validation, nil
}

// fits tells what keeps the model from classifying the images of a set.
func (c *classifier) fits(set *dataset.Set) error {
	height, width := set.Size()
	switch {
	case height != c.Height || width != c.Width:
		return fmt.Errorf("the images of %q have %dx%d pixels, the model %q takes %dx%d (--set data.size=N resizes those of folders)",
			set.Name, width, height, c.Path, c.Width, c.Height)
	case len(set.Classes) != len(c.Classes):
		return fmt.Errorf("the images of %q have %d classes, the model %q has %d", set.Name, len(set.Classes), c.Path, len(c.Classes))
	case !c.Unnamed && !slices.Equal(set.Classes, c.Classes):
		i := 0
		for set.Classes[i] == c.Classes[i] {
			i++
		}
		return fmt.Errorf("class %d of %q is %.120q, of the model %q it is %.120q", i, set.Name, set.Classes[i], c.Path, c.Classes[i])
	case set.Len() == 0:
		return fmt.Errorf("%q has no images", set.Name)
	}
	return nil
}
