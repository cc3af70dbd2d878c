package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"onnxlab/dataset"
	"onnxlab/trainloop/evaluation"
)

type evaluateOptions struct {
	dataFlags
	modelFlags
	out   string
	wrong int
	json  bool
}

func newEvaluateCommand() *cobra.Command {
	var opts evaluateOptions
	cmd := &cobra.Command{
		Use:   "evaluate",
		Short: "Tell how well a trained model does on a labelled set",
		Long: `Classify validation images and tell how well that went: accuracy, loss (mean
cross-entropy), the confusion matrix, and of each class precision (of what was
taken for it, the share that was it) and recall (of what was it, the share that
was taken for it).

With --run the model and the images are the run's; --source, --data and --set take
others. With --model the images are those of --config and --set.

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
	flags := cmd.Flags()
	flags.StringVar(&opts.out, "out", "", "directory for the files")
	flags.IntVar(&opts.wrong, "wrong", 24, "how many of the images that were classified wrong to list and show")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

// evaluated is what is told of an evaluation.
type evaluated struct {
	Model   string `json:"model"`
	Runtime string `json:"runtime"`
	Source  string `json:"source"`
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
	set, err := loadValidation(ctx, experiment.Data)
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
	e := evaluated{c.Path, opts.runtime, set.Name, report}
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
		return fmt.Errorf("%q has no validation images", set.Name)
	}
	return nil
}
