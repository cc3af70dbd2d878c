package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"onnxlab/configs"
	"onnxlab/ort/session"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
)

type trainOptions struct {
	cli.ExperimentFlags
	cli.FromFlags
	out    string
	resume bool
	json   bool
	// sweep and cell name the experiment of a cell: the sweep's directory, and the cell in it.
	sweep, cell string
	// cells is a file with a cell on each line. An environment variable of the scheduler
	// says which line to train.
	cells string
	// takeOver is set by jobs of schedulers. giveUp is set to mark a cell as failed.
	takeOver bool
	giveUp   string
}

// patience is how long the run waits until another process leaves its directory. If a
// sweep was killed, its cells end a moment later than itself. A job waits for a process that
// it has asked to save and exit.
func (o *trainOptions) patience() time.Duration {
	switch {
	case o.takeOver:
		return 2 * time.Minute
	case o.cell != "":
		return 10 * time.Second
	}
	return 0
}

func newTrainCommand() *cobra.Command {
	var opts trainOptions
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train one network",
		Long: `Train the network of an experiment and write the results into a run directory:
config.yaml, environment.json, history.csv (one row for each epoch), checkpoints/,
model.onnx and, last, summary.json. The model is verified at the end, as with
pipeline verify. Files and settings count epochs from 0, messages from 1.

Lines that begin with "note:" say what was decided about the images, and name what is
possible but may be a mistake: a warmup that does nothing or takes the whole run,
decays after the last epoch, and images that every epoch leaves out because they do
not fill a batch.

The first run fetches the ONNX Runtime library. Without --out the run directory
is runs/<name>, after the experiment's name or its file.

If you interrupt the run with Ctrl-C, it finishes the step, saves its state and prints
the command that resumes it. A resumed run ends as if it had never been interrupted.
--resume without --config uses the configuration of the run in --out, whose relative
paths lead to the same files from any folder. With --config or --set, it begins a run if
there is none yet.

--resume --set train.epochs=N gives a run more epochs, even if it is complete: it ends
as if it had been started with N. This is refused if the epochs that are done would
have had other learning rates: the schedules cosine, one-cycle and polynomial end with
the run.

--from begins with the parameters of the latest or, with --best, the best checkpoint of
a run, of a checkpoint file, or of a model that 'export model --fold=false' wrote. These
include BatchNorm's statistics. The optimizer starts afresh, and if the classes differ,
the last layer does too. The run keeps a copy of the parameters; resume it without
--from.

train.stop_patience=N ends the run when train.stop_monitor has not improved for N
epochs. With train.stop_restore_best, its model.onnx is that of the best epoch.
` + cli.ExitHelp,
		Example: `  pipeline train --config configs/quickstart.yaml
  pipeline train --config configs/folder.yaml --set data.path=photos
  pipeline train --config configs/study.yaml --set data.path=cifar --out runs/study
  pipeline train --out runs/study --resume --set train.epochs=120
  pipeline train --config photos.yaml --from runs/study --best --out runs/photos`,
		Args: cli.CheckArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.cells != "" {
				if err := opts.readCell(os.Getenv(envIndex)); err != nil {
					return err
				}
			}
			if opts.cell != "" {
				return runCell(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
			}
			return runTrain(cmd.Context(), &opts, cmd.OutOrStdout(), os.Stderr)
		},
	}
	opts.ExperimentFlags.Add(cmd)
	opts.FromFlags.Add(cmd)
	cmd.Flags().StringVar(&opts.out, "out", "", "run directory (default runs/<name>)")
	cmd.Flags().BoolVar(&opts.resume, "resume", false, "resume the run in the directory")
	cmd.Flags().BoolVar(&opts.json, "json", false, "print the summary as JSON")
	cmd.Flags().StringVar(&opts.sweep, "sweep", "", "sweep directory of the cell")
	cmd.Flags().StringVar(&opts.cell, "cell", "", "cell of the sweep, condition:batch:seed")
	cmd.Flags().StringVar(&opts.cells, "cells", "", "file with the cells of the sweep; $"+envIndex+" is the number of the line")
	cmd.Flags().BoolVar(&opts.takeOver, "take-over", false, "ask the process that uses the run directory to save and exit")
	cmd.Flags().StringVar(&opts.giveUp, "give-up", "", "mark the cell as failed, for this reason")
	for _, name := range []string{"sweep", "cell", "cells", "take-over", "give-up"} {
		_ = cmd.Flags().MarkHidden(name) // fails for unknown flags only
	}
	return cmd
}

// experiment returns the experiment and the run directory.
func (o *trainOptions) experiment() (*configs.Resolved, string, error) {
	if o.cell == "" {
		return o.Follow(o.resume, o.out)
	}
	e, err := cli.CellExperiment(o.sweep, o.cell)
	if err != nil {
		return nil, "", err
	}
	return &configs.Resolved{Experiment: *e}, o.out, nil
}

func runTrain(ctx context.Context, opts *trainOptions, stdout, stderr io.Writer) error {
	resolved, dir, err := opts.experiment()
	if err != nil {
		return err
	}
	experiment := &resolved.Experiment
	if err := cli.RefuseAmongImages("out", dir, dir, experiment.Data); err != nil {
		return err
	}
	if _, err := trainloop.CheckGiven(*experiment); err != nil {
		return err
	}
	from, err := opts.Read()
	if err != nil {
		return err
	}
	data, err := cli.LoadData(ctx, experiment.Data, stderr)
	if err != nil {
		return err
	}
	train, validation := data.Train, data.Validation
	if err := cli.OpenLibrary(ctx, experiment.Runtime, stderr); err != nil {
		return err
	}
	defer session.Close() // the process ends
	header := fmt.Sprintf("%s: %d training and %d validation images (%s), batch %d, %d epochs",
		dir, train.Len(), validation.Len(), train.Name, experiment.Train.BatchSize, experiment.Train.Epochs)
	summary, err := trainloop.Run(ctx, trainloop.Options{
		Experiment: *experiment, Train: train, Validation: validation,
		Dir: dir, Resume: opts.resume, Patience: opts.patience(), Handover: opts.takeOver, From: from,
		Note:     func(text string) { cli.WriteNotes(stderr, []string{text}) },
		Observer: cli.NewProgress(stderr, header, cli.NoteLines(resolved.Notes(train.Len()))),
	})
	if err != nil {
		return withResumeHint(err, opts, dir)
	}
	return writeSummary(stdout, dir, summary, experiment.Train.Epochs, opts.json)
}

// withResumeHint adds the command that resumes the run to the error of an interrupted
// run.
func withResumeHint(err error, opts *trainOptions, dir string) error {
	var interrupted *trainloop.Interrupted
	if !errors.As(err, &interrupted) {
		return err
	}
	return fmt.Errorf("%w\nresume with: %s", err, opts.ResumeCommand("train", dir))
}

// writeSummary prints the result of the run in dir. epochs is how many it was to have.
func writeSummary(w io.Writer, dir string, s rundir.Summary, epochs int, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(w, s)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "validation accuracy\t%.2f %%\tbest %.2f %% after epoch %d\n", 100*s.ValAccuracy, 100*s.BestValAccuracy, s.BestEpoch+1)
	fmt.Fprintf(t, "training accuracy\t%.2f %%\tloss %.4f\n", 100*s.Accuracy, s.Loss)
	fmt.Fprintf(t, "parameters\t%d\n", s.Parameters)
	fmt.Fprintf(t, "steps\t%d\t%d epochs in %.1f s, %.0f images/s\n", s.Steps, s.Epochs, s.Seconds, s.ImagesPerSecond)
	// Text that does not end with a tab does not widen the columns of the other lines.
	if stopped := s.StoppedText(epochs); stopped != "" {
		fmt.Fprintf(t, "stopped early\t%s: %s\n", stopped, s.StopReason)
	}
	fmt.Fprintf(t, "model\t%s", rundir.Layout{Dir: dir}.Model())
	if restored := s.RestoredText(); restored != "" {
		fmt.Fprintf(t, "  %s", restored)
	}
	fmt.Fprintln(t)
	return t.Flush()
}
