package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"onnxlab/trainloop/report"
)

// reportOptions are the flags of "pipeline report".
type reportOptions struct {
	compare bool
	json    bool
	out     string
	drop    float64
}

func newReportCommand() *cobra.Command {
	var opts reportOptions
	cmd := &cobra.Command{
		Use:   "report DIR | report --compare A B",
		Short: "Show accuracy against batch size: table, figures, page",
		Long: `Print the accuracy of each condition at each batch size, and where each
condition falls off, from the histories of the sweep in DIR. Runs that are
missing, under way or failed are shown as such, so that it can be asked at any
time. DIR can be a single run, too.

These files are written into DIR, or where --out says:
  report.html                 all of it, for any browser, without network
  accuracy.png, accuracy.svg  accuracy against batch size
  curves.png                  loss and accuracy against epochs
  summary.csv                 one row for each condition and batch size
  da_type_<condition>.json    {batch size: {loss, acc, val_loss, val_acc}}, and
                              .pkl for Python, of the lowest seed that is done,
                              or if none is, that has finished an epoch
  tensorboard/                the histories as TensorBoard events

--compare prints the difference of two sweeps, or two runs, cell by cell, and
writes no files.
` + exitHelp,
		Example: `  pipeline report runs/study
  pipeline report runs/study --json --drop 1
  pipeline report --compare runs/study runs/study-lower-rate`,
		Args: func(cmd *cobra.Command, args []string) error {
			want := 1
			if opts.compare {
				want = 2
			}
			return usageArgs(cobra.ExactArgs(want))(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags := cmd.Flags(); opts.compare && (flags.Changed("out") || flags.Changed("drop")) {
				return &usageError{errors.New("--compare: it writes no files and has no table: leave out --out and --drop")}
			}
			if opts.compare {
				return runCompare(&opts, args[0], args[1], cmd.OutOrStdout())
			}
			return runReport(&opts, args[0], cmd.OutOrStdout(), os.Stderr)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.compare, "compare", false, "compare two directories instead")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	flags.StringVar(&opts.out, "out", "", "directory to write the files into (default DIR)")
	flags.Float64Var(&opts.drop, "drop", report.DefaultDrop, "percentage points below its best at which a condition has fallen off")
	return cmd
}

func runReport(opts *reportOptions, dir string, stdout, stderr io.Writer) error {
	if !(opts.drop >= 0 && opts.drop <= 100) {
		return &usageError{fmt.Errorf("--drop: %v is outside 0..100", opts.drop)}
	}
	if err := refuseDirectory("out", opts.out, nil); err != nil {
		return err
	}
	sweep, err := report.Load(dir)
	if err != nil {
		return err
	}
	out := opts.out
	if out == "" {
		out = dir
	}
	unwritten := sweep.Write(out, opts.drop)
	if unwritten == nil {
		fmt.Fprintf(stderr, "the page is %s\n", filepath.Join(out, "report.html"))
	} else if opts.out == "" {
		unwritten = fmt.Errorf("%w (pipeline report %s --out DIR writes it elsewhere)", unwritten, quoted(dir))
	}
	table, stopped := sweep.Table(opts.drop), stoppedRuns(sweep)
	if opts.json {
		err = printJSON(stdout, tableWithStops{table, stopped})
	} else if err = table.WriteText(stdout); err == nil {
		err = writeStopped(stdout, stopped)
	}
	return errors.Join(err, unwritten)
}

func runCompare(opts *reportOptions, a, b string, stdout io.Writer) error {
	before, err := report.Load(a)
	if err != nil {
		return err
	}
	after, err := report.Load(b)
	if err != nil {
		return err
	}
	comparison := report.Compare(before, after)
	if opts.json {
		return printJSON(stdout, comparison)
	}
	return comparison.WriteText(stdout)
}

// writeReport is what a sweep ends with.
func writeReport(dir string, asJSON bool, stdout, stderr io.Writer) error {
	return runReport(&reportOptions{drop: report.DefaultDrop, json: asJSON}, dir, stdout, stderr)
}
