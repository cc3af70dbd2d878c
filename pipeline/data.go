package main

import (
	"github.com/spf13/cobra"

	"onnxlab/pipeline/internal/cli"
)

func newDataCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "Make, fetch and describe sets of images",
		Args:  cli.CheckArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDataCacheCommand(), newDataFetchCommand(), newDataInfoCommand(), newDataPackCommand(), newDataSynthCommand())
	return cmd
}
