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
		Short: "Evaluate a trained model on labelled images",
		Long: `Classify labelled images and print accuracy, loss (mean cross-entropy), the confusion
matrix, and for each class precision (the share of the images predicted as this class
that belong to it), recall (the share of the class's images that are predicted as
it) and F1 (the harmonic mean of both). Macro averages are means over the classes that
have images. With --top 5, or if there are more than 10 classes, the share of images
whose class is among the five most likely is printed too.

With --run, the model and the images are those of the run; --source, --data and --set
choose other images. With --model, the images are those of --config and --set. If the
images' folder has a subfolder for test images, these are used; of a folder of classes
that --data names, all images; otherwise the validation images. --split chooses others.
The images may have only some of the model's classes, in any order: classes are matched
by their names.

--out DIR writes evaluation.json, confusion.csv, confusion.png, confusion.svg,
predictions.csv with the prediction for each image (file,class,predicted,probability,
correct; an index instead of the file if images do not come from files) and, if any
image was misclassified, wrong.png with the most confident mistakes.
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
	flags.StringVar(&opts.out, "out", "", "directory to write the files into")
	flags.IntVar(&opts.top, "top", 0, "also print how often the class is among this many most likely ones (default: 5 if there are more than 10 classes)")
	flags.IntVar(&opts.wrong, "wrong", 24, "how many misclassified images to list and to draw")
	flags.StringVar(&opts.split, "split", "", "train, validation, test or all (default: test, all or validation, as above)")
	flags.IntVar(&opts.memory, "image-memory", 0, "short for --set data.image_memory=…: megabytes that decoding one image of a folder may take")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

// evaluated is the result of an evaluation.
type evaluated struct {
	Model   string `json:"model"`
	Runtime string `json:"runtime"`
	Source  string `json:"source"`
	// Split is "train", "validation", "test" or "all".
	Split dataset.Split `json:"split"`
	// Top is how often the class of an image is among the most likely; nil if it is not
	// printed.
	Top *topAccuracy `json:"top,omitempty"`
	*evaluation.Report
	// Skipped are image files that were left out because they cannot be read.
	Skipped []dataset.SkippedFile `json:"skipped,omitempty"`
}

// topAccuracy is the share of images, 0..1, whose class is among the K most likely.
type topAccuracy struct {
	K        int     `json:"k"`
	Accuracy float64 `json:"accuracy"`
}

// check returns an error if the options are wrong, before anything is read.
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
		return cli.BadData(fmt.Errorf("the images may have several classes, but the model %q was trained with one class for each image (train.loss %s)", c.Path, c.Loss))
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

// topOf returns --top or, if it is not given, 5 if there are so many classes that top-5
// accuracy is useful. 0 means that no top accuracy is printed.
func (o *evaluateOptions) topOf(classes int) (int, error) {
	const usual, enough = 5, 10
	switch {
	case o.top > classes:
		return 0, cli.BadUsagef("--top: %d is outside 1..%d, the number of the model's classes", o.top, classes)
	case o.top == 0 && classes > enough:
		return usual, nil
	}
	return o.top, nil
}

// images reads the images that the model is evaluated on.
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

// splitNouns are the names of the images of each split.
var splitNouns = map[dataset.Split]string{
	dataset.Train: "training images", dataset.Validation: "validation images", dataset.Test: "test images", dataset.All: "images",
}

// chooseSplit returns --split or, if it is not given, images that training has not seen: the
// test images if they have a folder, all images if --data names a folder that is not divided
// into splits, and otherwise the validation images.
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
