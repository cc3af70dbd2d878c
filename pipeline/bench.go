package main

import (
	"github.com/spf13/cobra"

	"onnxlab/pipeline/internal/cli"
)

func newBenchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast loading, training and inference are",
		Args:  cli.CheckArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newBenchAugmentCommand(), newBenchLoadCommand(), newBenchPhotosCommand(), newBenchPredictCommand(),
		cli.NeedsLibrary(newBenchEpochCommand()), cli.NeedsLibrary(newBenchStepCommand()),
	)
	return cmd
}
