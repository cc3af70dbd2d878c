package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"onnxlab/internal/durable"
	"onnxlab/internal/printable"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/inspect"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/snapshot"
)

type inspectOptions struct {
	diff     string
	svg, dot string
	json     bool
}

func newInspectCommand() *cobra.Command {
	var opts inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect FILE [OTHER]",
		Short: "Show what is in an ONNX model or a training checkpoint",
		Long: `Show what is in an ONNX model: inputs, outputs, parameters and which of them are
trainable, operators, and each node with its output, its parameters, and its cost for
one image: the multiply-adds of convolutions, matrix products and their gradients
(padding counts, other operators do not; a multiply-add is two FLOP), and the bytes of
its output. Nodes of a training model are marked as forward or backward. For a
classifier, the command says whether it can be trained and, if not, which nodes have no
gradient.

For a checkpoint of ONNX Runtime's training API, or a snapshot folder of a run, show
the parameters with their statistics, the momenta and the optimizer's step.

With a second file, or --diff, show what differs: nodes, metadata, and for each tensor
the largest difference between two elements and the root mean square of all differences,
relative to that of the larger tensor.
` + cli.ExitHelp,
		Example: `  pipeline inspect model.onnx --svg model.svg
  pipeline inspect runs/a/model.onnx --diff runs/b/model.onnx`,
		Args: cli.CheckArgs(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(&opts, args, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.diff, "diff", "", "show the difference to this model or checkpoint")
	flags.StringVar(&opts.svg, "svg", "", "draw the graph of the model into this SVG file")
	flags.StringVar(&opts.dot, "dot", "", "write the graph of the model to this file for Graphviz")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

func runInspect(opts *inspectOptions, paths []string, stdout io.Writer) error {
	if opts.diff != "" {
		paths = append(paths, opts.diff)
	}
	switch draws := opts.svg != "" || opts.dot != ""; {
	case len(paths) > 2:
		return cli.BadUsagef("--diff %q: there are two files already", opts.diff)
	case len(paths) == 2 && draws:
		return cli.BadUsage(errors.New("--svg and --dot draw one model, not a comparison"))
	}
	if err := errors.Join(cli.RefuseOutput("svg", opts.svg, paths...), cli.RefuseOutput("dot", opts.dot, paths...)); err != nil {
		return err
	}
	var files []inspected
	for _, path := range paths {
		f, err := openInspected(path)
		if err != nil {
			return cli.BadData(err)
		}
		files = append(files, f)
	}
	report := files[0].report
	if len(files) == 2 {
		report = inspect.Diff(files[0].subject, files[1].subject)
	} else if files[0].classifier != nil {
		training := onnxmodels.Trains(files[0].classifier)
		report.(*inspect.ModelReport).Training = &training
	}
	if err := opts.draw(paths[0], report); err != nil {
		return err
	}
	if opts.json {
		return cli.PrintJSON(stdout, report)
	}
	return report.WriteTable(stdout)
}

// draw writes the pictures of --svg and --dot.
func (o *inspectOptions) draw(path string, report table) error {
	model, isModel := report.(*inspect.ModelReport)
	if !isModel && (o.svg != "" || o.dot != "") {
		return cli.BadUsagef("--svg and --dot draw models, but %q is a checkpoint", path)
	}
	if o.svg != "" {
		if err := durable.WriteFile(o.svg, model.WriteSVG); err != nil {
			return err
		}
	}
	if o.dot != "" {
		return durable.WriteFile(o.dot, model.WriteDOT)
	}
	return nil
}

// table is a report of package inspect.
type table interface{ WriteTable(w io.Writer) error }

// inspected is a file: its report, and what a comparison needs.
type inspected struct {
	report  table
	subject inspect.Subject
	// classifier is the model; nil if it is not an image classifier.
	classifier *modelfile.Model
}

// openInspected opens a model or a checkpoint, and tells which it is by its first bytes.
// For a snapshot of a run it opens the checkpoint.
func openInspected(path string) (inspected, error) {
	if info, err := os.Stat(snapshot.CheckpointPath(path)); err == nil && info.Mode().IsRegular() {
		path = snapshot.CheckpointPath(path)
	}
	head, err := firstBytes(path)
	if file := newestWithin(path); err != nil && file != "" {
		err = fmt.Errorf("%w: name a file in it, such as %s", err, printable.ShellWord(file))
	}
	if err != nil {
		return inspected{}, err
	}
	if checkpoint.HasIdentifier(head) {
		c, err := checkpoint.Read(path)
		if err != nil {
			return inspected{}, err
		}
		return inspected{report: inspect.Checkpoint(c), subject: inspect.CheckpointSubject(c)}, nil
	}
	m, err := modelfile.Read(path)
	if err != nil {
		return inspected{}, err
	}
	f := inspected{report: inspect.Model(m), subject: inspect.ModelSubject(m)}
	if _, _, err := importer.ImageSize(m); err == nil {
		f.classifier = m
	}
	return f, nil
}

// newestWithin returns a path that can be inspected in the directory of a run, of its
// checkpoints, of artifacts or of a sweep; "" if dir is none of them.
func newestWithin(dir string) string {
	for _, pattern := range []string{"model.onnx", "checkpoints/step-*", "step-*", artifact.TrainingModelFile, "*/*/model.onnx"} {
		if found, err := filepath.Glob(filepath.Join(dir, pattern)); err == nil && len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return ""
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
