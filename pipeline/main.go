// Command pipeline trains convolutional networks from YAML experiments with
// ONNX Runtime, and shows, checks and exports what comes out.
//
// It prints results on standard output and everything else on standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/durable"
	"onnxlab/ort/session"
	"onnxlab/trainloop"
	"onnxlab/trainloop/report"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
	"onnxlab/trainloop/sweep"
	"onnxlab/trainloop/warmstart"
)

// The exit statuses of the command.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitData        = 3
	exitLocked      = sweep.ExitLocked
	exitInterrupted = 130
)

// exitHelp ends the long help of every command that can fail in more than
// one way.
const exitHelp = `
EXIT STATUS
  0    done
  1    failed
  2    bad usage or configuration
  3    bad or missing data
  4    the directory is in use by another process or by jobs of a cluster
  130  interrupted`

func main() {
	os.Exit(run())
}

func run() int {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // the terminal is closed, and nohup has not said to go on
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	// After the first signal, the next one ends the process at once.
	context.AfterFunc(ctx, stop)
	root := newRootCommand()
	stdout := &firstFault{w: printableWriter{os.Stdout}}
	root.SetOut(stdout)
	refuseTopics(root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = stdout.err
	}
	if err == nil {
		return exitDone
	}
	status, text := exitStatus(ctx, err), err.Error()
	if status == exitInterrupted {
		text = strings.ReplaceAll(text, context.Canceled.Error(), "interrupted")
	}
	fmt.Fprintf(printableWriter{os.Stderr}, "pipeline: %s\n", shortLines(text))
	return status
}

// firstFault keeps the first error of w, for cobra passes those of help over.
type firstFault struct {
	w   io.Writer
	err error
}

func (f *firstFault) Write(text []byte) (int, error) {
	n, err := f.w.Write(text)
	if f.err == nil {
		f.err = err
	}
	return n, err
}

// exitStatus tells the status that err ends the process with. ctx is the one
// that a signal cancels.
func exitStatus(ctx context.Context, err error) int {
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled), isAny[*trainloop.Interrupted](err):
		return exitInterrupted
	case isAny[*cellsFailedError](err): // whatever came of the report
		return exitFailed
	case isAny[*durable.LockedError](err), isAny[*sweep.BusyError](err), isAny[*cellsBusyError](err):
		return exitLocked
	case isAny[*usageError](err), isAny[*configs.Error](err), isAny[*trainloop.SettingError](err),
		isAny[*trainloop.Occupied](err), isAny[*trainloop.Mismatch](err), isAny[*warmstart.Misfit](err):
		return exitUsage
	case isAny[*dataError](err), isAny[*dataset.Error](err), isAny[*rundir.DataError](err), isAny[*snapshot.DamagedError](err), isAny[*report.NoRunsError](err), isAny[*session.Error](err), isAny[*session.DeviceError](err):
		return exitData
	}
	return exitFailed
}

// isAny tells whether err is, or wraps, an error of type E.
func isAny[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// dataError is a file that is missing or bad.
type dataError struct{ err error }

func (e *dataError) Error() string { return e.err.Error() }
func (e *dataError) Unwrap() error { return e.err }

// usageError is a mistake in how the command was called.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "pipeline",
		Short:         "Train convolutional networks from YAML experiments with ONNX Runtime",
		Version:       rundir.Toolkit(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return refuseEmpty(cmd.Flags()) },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w (see '%s --help')", err, cmd.CommandPath())}
	})
	root.AddCommand(newBenchCommand(), newConfigCommand(), newDataCommand(), newEvaluateCommand(), newExportCommand(), newInspectCommand(), newPredictCommand(), newPreviewCommand(), newReportCommand(), newRuntimeCommand(), needsLibrary(newSweepCommand()), needsLibrary(newTrainCommand()), newVerifyCommand())
	addCompletion(root)
	return root
}

// refuseEmpty refuses flags that were given without text, as by a variable that
// a script has not set: they would count as not given.
func refuseEmpty(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		if err == nil && f.Value.Type() == "string" && f.Value.String() == "" {
			err = &usageError{fmt.Errorf("--%s is empty: give it a value, or leave it out", f.Name)}
		}
	})
	return err
}

// usageArgs makes wrong arguments a usage error. Where a command takes some, it
// names them as its usage does: in capitals.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			_, wanted, _ := strings.Cut(cmd.Use, " ")
			if wanted != "" && unicode.IsUpper(rune(wanted[0])) {
				err = fmt.Errorf("%d arguments, want %s", len(args), wanted)
			}
			return &usageError{fmt.Errorf("%w (see '%s --help')", err, cmd.CommandPath())}
		}
		return nil
	}
}

// refuseTopics makes unknown words after cobra's own commands, "completion" and
// "help", bad usage: by themselves they show help. What they print goes where
// root's does by now.
func refuseTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = usageArgs(func(_ *cobra.Command, words []string) error {
				if _, rest, err := root.Find(words); err != nil || len(rest) > 0 {
					return fmt.Errorf("unknown command %q", strings.Join(words, " "))
				}
				return nil
			})
		case "completion":
			cmd.Args = usageArgs(cobra.NoArgs)
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range cmd.Commands() {
				shell.Args = usageArgs(cobra.NoArgs)
			}
		}
	}
}
