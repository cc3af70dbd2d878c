package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"onnxlab/internal/durable"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/inspect"
	"onnxlab/trainloop/snapshot"
)

func newInspectCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what is in an ONNX model or a training checkpoint",
		Long: `Show what is in an ONNX model (inputs, outputs, operators, parameters) or in a
checkpoint of ONNX Runtime's training API (parameters and their statistics,
momenta, optimizer step).
` + exitHelp,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(args[0], asJSON, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func runInspect(path string, asJSON bool, stdout io.Writer) error {
	report, err := describe(path)
	if err != nil {
		return &dataError{err}
	}
	if asJSON {
		return printJSON(stdout, report)
	}
	return report.WriteTable(stdout)
}

// table is what package inspect makes of a file.
type table interface{ WriteTable(w io.Writer) error }

// describe tells models and checkpoints apart by their first bytes. Of a
// snapshot of a run it takes the checkpoint.
func describe(path string) (table, error) {
	if info, err := os.Stat(snapshot.CheckpointPath(path)); err == nil && info.Mode().IsRegular() {
		path = snapshot.CheckpointPath(path)
	}
	head, err := firstBytes(path)
	if err != nil {
		return nil, err
	}
	if onnxmodels.IsCheckpoint(head) {
		c, err := checkpoint.Read(path)
		if err != nil {
			return nil, err
		}
		return inspect.Checkpoint(c), nil
	}
	m, err := onnxmodels.ReadModel(path)
	if err != nil {
		return nil, err
	}
	return inspect.Model(m), nil
}

func firstBytes(path string) ([]byte, error) {
	f, err := durable.OpenPlain(path)
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	defer f.Close()
	head := make([]byte, 8)
	n, err := io.ReadFull(f, head)
	if n < len(head) && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, fmt.Errorf("inspect %q: %w", path, err)
	}
	return head[:n], nil
}
