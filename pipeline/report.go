package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"onnxlab/internal/printable"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/report"
)

// reportOptions are the flags of "pipeline report".
type reportOptions struct {
	compare bool
	watch   bool
	every   time.Duration
	json    bool
	out     string
	drop    float64
}

func newReportCommand() *cobra.Command {
	var opts reportOptions
	cmd := &cobra.Command{
		Use:   "report DIR | report --compare A B...",
		Short: "Show accuracy against batch size as a table, figures and a page",
		Long: `Print the accuracy of each condition at each batch size, and where each
condition falls off, from the histories of the sweep in DIR. Runs that are missing,
unfinished or failed are marked, so that you can print the report at any time. DIR can
also be a single run; its page begins with its curves.

These files are written into DIR, or into the directory of --out:
report.html                 everything, for any browser, without network access
  accuracy.png, accuracy.svg  accuracy against batch size
  curves.png                  loss and accuracy against epochs
  summary.csv                 one row for each condition and batch size
  da_type_<condition>.json    {batch size: {loss, acc, val_loss, val_acc}}, and
  .pkl for Python, of the lowest seed that is complete
  or, if none is, that has finished an epoch
  tensorboard/                the histories as TensorBoard events
A run without a condition is shown with the name of its experiment instead.

--watch updates the page and the TensorBoard files while a run or a sweep is running,
at most every 5 s or as often as --every says. It writes the other files when no run is
unfinished or missing any more. Ctrl-C ends it earlier; the training continues. Open
the page once: the browser reloads it by itself.

--compare prints the settings that differ between sweeps, or runs, and how each differs
from the first, cell by cell. It writes no files.
` + cli.ExitHelp,
		Example: `  pipeline report runs/study
  pipeline report runs/study --json --drop 1
  pipeline report runs/study --watch
  pipeline report --compare runs/study runs/study-lower-rate`,
		Args: func(cmd *cobra.Command, args []string) error {
			if opts.compare {
				return cli.CheckArgs(cobra.MinimumNArgs(2))(cmd, args)
			}
			return cli.CheckArgs(cobra.ExactArgs(1))(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.check(cmd.Flags()); err != nil {
				return err
			}
			switch {
			case opts.compare:
				return runCompare(&opts, args, cmd.OutOrStdout())
			case opts.watch:
				return runWatch(cmd.Context(), &opts, args[0], cmd.OutOrStdout(), os.Stderr)
			}
			return runReport(&opts, args[0], cmd.OutOrStdout(), os.Stderr)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.compare, "compare", false, "compare the first directory with each of the others")
	flags.BoolVar(&opts.watch, "watch", false, "update the page and the TensorBoard files until all runs are done")
	flags.DurationVar(&opts.every, "every", 5*time.Second, "shortest time between two updates of --watch")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	flags.StringVar(&opts.out, "out", "", "directory to write the files into (default DIR)")
	flags.Float64Var(&opts.drop, "drop", report.DefaultDrop, "a condition has fallen off if it is this many percentage points below its best")
	return cmd
}

// check refuses flags that contradict each other, and values out of range.
func (o *reportOptions) check(flags *pflag.FlagSet) error {
	switch {
	case o.compare && (flags.Changed("out") || flags.Changed("drop")):
		return cli.BadUsage(errors.New("--compare writes no files and no table: leave out --out and --drop"))
	case o.compare && o.watch:
		return cli.BadUsage(errors.New("--compare writes no files that --watch could update: leave out one of the two"))
	case flags.Changed("every") && !o.watch:
		return cli.BadUsage(errors.New("--every needs --watch"))
	case o.every < time.Second:
		return cli.BadUsagef("--every: %v is less than 1 s", o.every)
	case !(o.drop >= 0 && o.drop <= 100):
		return cli.BadUsagef("--drop: %v is outside 0..100", o.drop)
	}
	return nil
}

func runReport(opts *reportOptions, dir string, stdout, stderr io.Writer) error {
	if err := cli.RefuseDirectory("out", opts.out, nil); err != nil {
		return err
	}
	sweep, err := report.Load(dir)
	if err != nil {
		return err
	}
	out := cmp.Or(opts.out, dir)
	unwritten := opts.hint(dir, sweep.Write(out, opts.drop))
	if unwritten == nil {
		fmt.Fprintf(stderr, "the page is %s\n", filepath.Join(out, "report.html"))
	}
	return errors.Join(opts.print(sweep, stdout), unwritten)
}

// hint adds advice to an error of writing into dir.
func (o *reportOptions) hint(dir string, err error) error {
	if err == nil || o.out != "" || !cli.IsAny[*report.WriteError](err) {
		return err
	}
	return fmt.Errorf("%w (pipeline report %s --out DIR writes it elsewhere)", err, printable.ShellWord(dir))
}

func (o *reportOptions) print(sweep *report.Sweep, stdout io.Writer) error {
	table := sweep.Table(o.drop)
	if o.json {
		return cli.PrintJSON(stdout, table)
	}
	return table.WriteText(stdout)
}

// runWatch updates the report until all runs have ended, and then prints the table.
func runWatch(ctx context.Context, opts *reportOptions, dir string, stdout, stderr io.Writer) error {
	if err := cli.RefuseDirectory("out", opts.out, nil); err != nil {
		return err
	}
	out := cmp.Or(opts.out, dir)
	announced := false
	watch := report.Watch{
		Dir: dir, Out: out, DropPoints: opts.drop, Interval: opts.every,
		Renewed: func(s *report.Sweep) {
			if !announced {
				fmt.Fprintf(stderr, "the page is %s; it is updated until all runs are done (Ctrl-C ends this earlier)\n", filepath.Join(out, "report.html"))
			}
			announced = true
			fmt.Fprintf(stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), s.Progress())
		},
	}
	sweep, err := watch.Run(ctx)
	if err != nil {
		return opts.hint(dir, err)
	}
	fmt.Fprintf(stderr, "all runs have ended: the page is %s\n", filepath.Join(out, "report.html"))
	return opts.print(sweep, stdout)
}

func runCompare(opts *reportOptions, dirs []string, stdout io.Writer) error {
	sweeps := make([]*report.Sweep, len(dirs))
	for i, dir := range dirs {
		var err error
		if sweeps[i], err = report.Load(dir); err != nil {
			return err
		}
	}
	comparison := report.Compare(sweeps[0], sweeps[1:]...)
	if opts.json {
		return cli.PrintJSON(stdout, comparison)
	}
	return comparison.WriteText(stdout)
}

// writeReport writes the report at the end of a sweep.
func writeReport(dir string, asJSON bool, stdout, stderr io.Writer) error {
	return runReport(&reportOptions{drop: report.DefaultDrop, json: asJSON}, dir, stdout, stderr)
}
