// Command pipeline trains convolutional networks from YAML experiments with
// ONNX Runtime, and shows, checks and exports the results.
//
// It prints results on standard output and everything else on standard error.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/rundir"
)

func main() {
	os.Exit(run())
}

func run() int {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // sent when the terminal is closed; nohup ignores it
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	// After the first signal, the next one ends the process at once.
	context.AfterFunc(ctx, stop)
	root := newRootCommand()
	stdout := cli.NewStdout(os.Stdout)
	root.SetOut(stdout)
	refuseTopics(root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = stdout.Fault()
	}
	if err == nil {
		return cli.ExitDone
	}
	status, text := cli.ExitStatus(ctx, err), err.Error()
	if status == cli.ExitInterrupted {
		text = strings.ReplaceAll(text, context.Canceled.Error(), "interrupted")
	}
	fmt.Fprintf(cli.NewPrintable(os.Stderr), "pipeline: %s\n", cli.ShortLines(text))
	return status
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "pipeline",
		Short:         "Train convolutional networks from YAML experiments with ONNX Runtime",
		Version:       rundir.Toolkit(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cli.CheckArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return cli.RefuseEmpty(cmd.Flags()) },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return cli.BadUsagef("%w (see '%s --help')", err, cmd.CommandPath())
	})
	root.AddCommand(newBenchCommand(), newConfigCommand(), newDataCommand(), newEvaluateCommand(), newExportCommand(), newInspectCommand(), newPredictCommand(), newPreviewCommand(), newReportCommand(), newRuntimeCommand(), cli.NeedsLibrary(newSweepCommand()), cli.NeedsLibrary(newTrainCommand()), cli.NeedsLibrary(newTuneCommand()), newVerifyCommand())
	addCompletion(root)
	return root
}

// refuseTopics makes unknown words after cobra's own commands, "completion" and
// "help", bad usage; by default cobra shows help instead. Call it after SetOut,
// since these commands keep the output of root at that time.
func refuseTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = cli.CheckArgs(func(_ *cobra.Command, words []string) error {
				if _, rest, err := root.Find(words); err != nil || len(rest) > 0 {
					return fmt.Errorf("unknown command %q", strings.Join(words, " "))
				}
				return nil
			})
		case "completion":
			cmd.Args = cli.CheckArgs(cobra.NoArgs)
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range cmd.Commands() {
				shell.Args = cli.CheckArgs(cobra.NoArgs)
			}
		}
	}
}
