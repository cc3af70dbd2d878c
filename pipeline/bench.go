package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newBenchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast the parts are",
		Args:  usageArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchAugmentCommand(), needsLibrary(newBenchEpochCommand()), newBenchLoadCommand(), newBenchPredictCommand(), needsLibrary(newBenchStepCommand()))
	return cmd
}

// parseSize reads HEIGHTxWIDTH.
func parseSize(text string) (height, width int, err error) {
	var rest string
	n, _ := fmt.Sscanf(text, "%dx%d%s", &height, &width, &rest)
	const most = 4096
	if n != 2 || height < 1 || width < 1 || height > most || width > most {
		return 0, 0, &usageError{fmt.Errorf("--size %q: want HEIGHTxWIDTH, each in 1..%d", text, most)}
	}
	return height, width, nil
}
