package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"onnxlab/trainloop/warmstart"
)

// FromFlags are --from and --best, which say with whose parameters a run begins.
type FromFlags struct {
	from string
	best bool
}

// Add adds the flags to a command.
func (f *FromFlags) Add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.from, "from", "", "begin with the parameters of this run, model or checkpoint")
	cmd.Flags().BoolVar(&f.best, "best", false, "take the checkpoint with the best validation accuracy of the run in --from instead of its latest")
}

// Read returns the parameters, or nil if none are given.
func (f *FromFlags) Read() (*warmstart.Source, error) {
	switch {
	case f.from == "" && f.best:
		return nil, BadUsage(errors.New("--best chooses a checkpoint of the run in --from: give --from too, or leave --best out"))
	case f.from == "":
		return nil, nil
	case f.best:
		return warmstart.ReadBest(f.from)
	}
	return warmstart.Read(f.from)
}
