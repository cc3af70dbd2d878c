package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/durable"
	"onnxlab/internal/printable"
	"onnxlab/ort/session"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
	"onnxlab/trainloop/report"
)

type tuneOptions struct {
	cli.ExperimentFlags
	out   string
	steps int
	json  bool
}

func newTuneCommand() *cobra.Command {
	var opts tuneOptions
	cmd := &cobra.Command{
		Use:   "tune",
		Short: "Suggest a learning rate, a batch size and a warmup",
		Long: `Suggest a learning rate, a batch size and a warmup for an experiment, from two
short runs on its training images.

The first is a range test (Smith 2017): its learning rate rises from step to step,
from one at which nothing is learnt to one at which the loss diverges or no longer
falls. The suggestion is the first rate at which the smoothed loss has fallen by nine
tenths of its total fall.

The second runs at that rate and measures the gradient noise scale (McCandlish et al.
2018): beyond this batch size, larger batches hardly make better steps. The suggestion
is a quarter of it, rounded to a power of two, where each image still contributes 80 %
of what it can. The rate is scaled by schedule.scaling.

A warmup is suggested if the loss of the untrained network is so sharp that steps at
the full rate overshoot (Gilmer et al. 2022).

The command writes into the directory of --out: tune.yaml, the experiment with these
settings, ready to train; tune.png, the loss against the rate; and rates.csv, the range
test step by step. docs/tune.md explains them.
` + cli.ExitHelp,
		Example: `  pipeline tune --config configs/quickstart.yaml
  pipeline train --config tune/quickstart/tune.yaml`,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runTune(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.Add(cmd)
	cmd.Flags().StringVar(&opts.out, "out", "", "directory for the results (default tune/<name>)")
	cmd.Flags().IntVar(&opts.steps, "steps", 200, "steps of each of the two runs")
	cmd.Flags().BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

// The bounds of --steps.
const (
	fewestTuneSteps = 20
	mostTuneSteps   = 100_000
)

func runTune(ctx context.Context, opts *tuneOptions, stdout, stderr io.Writer) error {
	if opts.steps < fewestTuneSteps || opts.steps > mostTuneSteps {
		return cli.BadUsagef("--steps: %d is outside %d..%d", opts.steps, fewestTuneSteps, mostTuneSteps)
	}
	experiment, err := opts.Load()
	if err != nil {
		return err
	}
	dir := opts.out
	if dir == "" {
		dir = filepath.Join("tune", cli.RunName(opts.Config, experiment.Name))
	}
	if err := cli.RefuseAmongImages("out", dir, dir, experiment.Data); err != nil {
		return err
	}
	if _, err := trainloop.CheckGiven(*experiment); err != nil {
		return err
	}
	train, err := cli.LoadSplit(ctx, experiment.Data, stderr, dataset.Train)
	if err != nil {
		return err
	}
	if err := cli.OpenLibrary(ctx, experiment.Runtime, stderr); err != nil {
		return err
	}
	defer session.Close() // the process ends
	found, err := trainloop.Tune(ctx, trainloop.TuneOptions{
		Experiment: *experiment, Train: train, Steps: opts.steps,
		Progress: func(text string) { fmt.Fprintln(stderr, text) },
	})
	if err != nil {
		return err
	}
	if err := writeTuning(dir, found); err != nil {
		return err
	}
	if opts.json {
		return cli.PrintJSON(stdout, found)
	}
	return printTuning(stdout, dir, found)
}

// writeTuning writes the files of the results; tune.yaml is last.
func writeTuning(dir string, t *trainloop.Tuning) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	test := report.RateTest{Title: fmt.Sprintf("Learning-rate range test at batch size %d", t.BatchSize), Suggested: t.Rate}
	rows := [][]string{{"learning_rate", "loss", "smoothed_loss"}}
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 8, 64) }
	for _, x := range t.Tried {
		test.Rates, test.Losses, test.Smoothed = append(test.Rates, x.Rate), append(test.Losses, x.Loss), append(test.Smoothed, x.Smoothed)
		rows = append(rows, []string{number(x.Rate), number(x.Loss), number(x.Smoothed)})
	}
	if err := durable.WriteFile(filepath.Join(dir, "rates.csv"), func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) }); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, "tune.png"), test.WritePNG); err != nil {
		return err
	}
	text, err := configs.MarshalIn(dir, t.Experiment)
	if err != nil {
		return err
	}
	head := fmt.Sprintf("# From pipeline tune: learning rate %.3g at batch size %d, noise scale %s,\n# initial sharpness %.3g; %s.\n",
		t.Rate, t.BatchSize, noiseText(t), t.FirstSharpness, limitText(t))
	return durable.WriteBytes(filepath.Join(dir, "tune.yaml"), append([]byte(head), text...))
}

func noiseText(t *trainloop.Tuning) string {
	if t.NoiseScale == 0 {
		return "more images than were measured"
	}
	return fmt.Sprintf("%.0f images", t.NoiseScale)
}

func limitText(t *trainloop.Tuning) string {
	if t.StabilityLimit == 0 {
		return "its limit is not known"
	}
	return fmt.Sprintf("steps overshoot above %.3g", t.StabilityLimit)
}

func printTuning(w io.Writer, dir string, t *trainloop.Tuning) error {
	e := t.Experiment
	warmup := "none"
	if t.WarmupEpochs > 0 {
		warmup = fmt.Sprintf("%d epochs", t.WarmupEpochs)
	}
	_, err := fmt.Fprintf(w, `learning rate  %.3g at batch size %d (the loss was lowest at %.3g)
batch size     %d (noise scale: %s)
warmup         %s (initial sharpness %.3g; %s)
suggestion     %s
train with     pipeline train --config %s
`, t.Rate, t.BatchSize, t.BestRate,
		t.SuggestedBatch, noiseText(t),
		warmup, t.FirstSharpness, limitText(t),
		fmt.Sprintf("optimizer.learning_rate %.3g at reference_batch %d, train.batch_size %d, schedule.warmup_epochs %d",
			e.Optimizer.LearningRate, e.Optimizer.ReferenceBatch, e.Train.BatchSize, e.Schedule.WarmupEpochs),
		printable.ShellWord(filepath.Join(dir, "tune.yaml")))
	return err
}
