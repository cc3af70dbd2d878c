package main

import "github.com/spf13/cobra"

func newBenchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast the parts are",
		Args:  usageArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchAugmentCommand(), needsLibrary(newBenchEpochCommand()), newBenchLoadCommand(), newBenchPhotosCommand(), newBenchPredictCommand(), needsLibrary(newBenchStepCommand()))
	return cmd
}
