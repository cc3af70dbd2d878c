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
	"onnxlab/dataset/evaluation"
	"onnxlab/dataset/source"
	"onnxlab/pipeline/internal/cli"
)

type evaluateOptions struct {
	cli.DataFlags
	cli.ModelFlags
	out    string
	top    int
	wrong  int
	split  string
	memory int
	json   bool
}

func newEvaluateCommand() *cobra.Command {
	var opts evaluateOptions
	cmd := &cobra.Command{
		Use:   "evaluate",
		Short: "Tell how well a trained model does on a labelled set",
		Long: `Classify labelled images and tell how well that went: accuracy, loss (mean
cross-entropy), the confusion matrix, and of each class precision (of what was
taken for it, the share that was it), recall (of what was it, the share that was
taken for it) and F1 (their harmonic mean). Macro averages are means over the
classes that have images. With --top 5, or of more than 10 classes, it also tells
the share of images whose class is among the five most likely.

With --run the model and the images are the run's; --source, --data and --set take
others. With --model the images are those of --config and --set. A folder with one for
test images is evaluated on these, a folder of classes that --data names on all of its
images, and everything else on its validation images; --split takes others. Their
classes may be some of the model's, in any order: they are told apart by their names.

--out DIR keeps evaluation.json, confusion.csv, confusion.png, confusion.svg,
predictions.csv with what each image was taken for (file,class,predicted,probability,
correct; an index where images come from no files) and, if any image was classified
wrong, wrong.png with those whose wrong class had the highest probability.
` + cli.ExitHelp,
		Example: `  pipeline evaluate --run runs/quickstart/medium/16/seed-1 --out evaluation
  pipeline evaluate --run runs/pets --best --data more-photos --top 2
  pipeline evaluate --model model.onnx --source cifar10 --data cifar --runtime go`,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runEvaluate(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.DataFlags.Add(cmd, "data")
	opts.ModelFlags.Add(cmd)
	opts.AddBest(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opts.out, "out", "", "directory for the files")
	flags.IntVar(&opts.top, "top", 0, "also tell how often the class is among so many most likely ones (default: 5 of more than 10 classes)")
	flags.IntVar(&opts.wrong, "wrong", 24, "how many of the images that were classified wrong to list and show")
	flags.StringVar(&opts.split, "split", "", "train, validation, test or all (default: test, all or validation, as above)")
	flags.IntVar(&opts.memory, "image-memory", 0, "short for --set data.image_memory=…: megabytes that decoding one image of a folder may take")
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
	// Top is how often the class of an image is among the most likely; nil if that is
	// not told.
	Top *topAccuracy `json:"top,omitempty"`
	*evaluation.Report
	// Skipped are files that hold images but were left out, as they cannot be read.
	Skipped []dataset.SkippedFile `json:"skipped,omitempty"`
}

// topAccuracy is the share of images, 0..1, whose class is among the K most likely.
type topAccuracy struct {
	K        int     `json:"k"`
	Accuracy float64 `json:"accuracy"`
}

// check tells what is wrong with the options, before anything is read.
func (o *evaluateOptions) check() error {
	const mostWrong = 1000 // a sheet of 20 megapixels
	switch {
	case o.wrong < 0 || o.wrong > mostWrong:
		return cli.BadUsagef("--wrong: %d is outside 0..%d", o.wrong, mostWrong)
	case o.top < 0:
		return cli.BadUsagef("--top: %d is below 1", o.top)
	case o.split != "" && splitNouns[dataset.Split(o.split)] == "":
		return cli.BadUsagef("--split: %q is not one of train, validation, test, all", o.split)
	}
	if o.memory != 0 {
		if err := checkImageMemory(o.memory); err != nil {
			return err
		}
		o.Sets = append(o.Sets, fmt.Sprintf("data.image_memory=%d", o.memory))
	}
	if err := o.Check(); err != nil {
		return err
	}
	return cli.RefuseDirectory("out", o.out, evaluationFiles(), o.Path())
}

func runEvaluate(ctx context.Context, opts *evaluateOptions, stdout, stderr io.Writer) (err error) {
	if err := opts.check(); err != nil {
		return err
	}
	experiment, err := opts.LoadOrOfRun(opts.Run)
	if err != nil {
		return err
	}
	if err := cli.RefuseAmongImages("out", opts.out, opts.out, experiment.Data); err != nil {
		return err
	}
	c, err := opts.Open(ctx, experiment.Runtime, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	top, err := opts.topOf(len(c.Classes))
	if err != nil {
		return err
	}
	experiment.Data.SettleSize(c.Height, c.Width)
	set, split, err := opts.images(ctx, experiment.Data, stderr)
	if err != nil {
		return err
	}
	if set, err = c.Adopt(set, stderr); err != nil {
		return cli.BadData(err)
	}
	if set.MultiLabel() && c.Loss == configs.LossCrossEntropy {
		return cli.BadData(fmt.Errorf("the images may have several classes, and the model %q was trained on one each (train.loss %s)", c.Path, c.Loss))
	}
	report, err := evaluation.RunLoss(ctx, c, evaluation.Loss(c.Loss), set)
	if err != nil {
		return err
	}
	report.Wrong = report.Wrong[:min(opts.wrong, len(report.Wrong))]
	e := evaluated{Model: c.Path, Runtime: opts.Runtime, Source: set.Name, Split: split, Report: report, Skipped: set.Skipped}
	if top > 0 && !set.MultiLabel() {
		e.Top = &topAccuracy{top, report.TopAccuracy(top)}
	}
	if opts.out != "" {
		if err := e.writeFiles(opts.out, set); err != nil {
			return err
		}
	}
	if opts.json {
		return cli.PrintJSON(stdout, e)
	}
	return e.writeTables(stdout)
}

// topOf is --top, or else 5 where there are classes enough for that to say something;
// 0 for none.
func (o *evaluateOptions) topOf(classes int) (int, error) {
	const usual, enough = 5, 10
	switch {
	case o.top > classes:
		return 0, cli.BadUsagef("--top: %d is outside 1..%d, of as many classes as the model has", o.top, classes)
	case o.top == 0 && classes > enough:
		return usual, nil
	}
	return o.top, nil
}

// images reads those that the model is evaluated on.
func (o *evaluateOptions) images(ctx context.Context, d configs.Data, stderr io.Writer) (*dataset.Set, dataset.Split, error) {
	split, err := o.chooseSplit(d)
	if err != nil {
		return nil, "", err
	}
	set, err := cli.LoadSplit(ctx, d, stderr, split)
	if err == nil && set == nil {
		err = cli.BadDataf("%s %q has no %s", d.Source, d.Path, splitNouns[split])
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
	case len(found.Own) == 0 && o.DataPath != "":
		return dataset.All, nil
	}
	return dataset.Validation, nil
}
