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
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/inspect"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/snapshot"
)

type inspectOptions struct {
	diff              string
	size              cli.ImageSize
	parameters, nodes bool
	svg, dot          string
	json              bool
}

func newInspectCommand() *cobra.Command {
	var opts inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect FILE [OTHER]",
		Short: "Show what is in an ONNX model or a training checkpoint",
		Long: `Show what is in an ONNX model: how many parameters it has and how many of them are
trainable, its cost for one image, inputs, outputs and operators. For a classifier, the
command says which layer is the last, and whether it can be trained; if not, which
nodes have no gradient.

--parameters adds the name and shape of each parameter, --nodes each node with its
output, its parameters, and its cost for one image: the multiply-adds of convolutions,
matrix products and their gradients (padding counts, other operators do not; a
multiply-add is two FLOP), and the bytes of its output. Nodes of a training model are
marked as forward or backward. Shapes that the file does not contain are inferred. If a
classifier accepts images of several sizes, they are those for --size, or for 224x224.

For a checkpoint of ONNX Runtime's training API, or a snapshot folder of a run, show
the parameters with their statistics, the momenta and the optimizer's step.

With a second file, or --diff, show what differs: nodes, metadata, and for each tensor
the largest difference between two elements and the root mean square of all differences,
relative to that of the larger tensor.
` + cli.ExitHelp,
		Example: `  pipeline inspect model.onnx
  pipeline inspect model.onnx --nodes --svg model.svg
  pipeline inspect runs/a/model.onnx --diff runs/b/model.onnx`,
		Args: cli.CheckArgs(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(&opts, args, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.diff, "diff", "", "show the difference to this model or checkpoint")
	flags.BoolVar(&opts.parameters, "parameters", false, "list the parameters of the model")
	flags.BoolVar(&opts.nodes, "nodes", false, "list the nodes of the model with their shapes and costs")
	flags.Var(&opts.size, "size", "height and width of images in pixels, for a classifier that accepts several sizes")
	flags.StringVar(&opts.svg, "svg", "", "draw the graph of the model into this SVG file")
	flags.StringVar(&opts.dot, "dot", "", "write the graph of the model to this file for Graphviz")
	flags.BoolVar(&opts.json, "json", false, "print JSON, with all parameters and nodes")
	return cmd
}

func runInspect(opts *inspectOptions, paths []string, stdout io.Writer) error {
	if opts.diff != "" {
		paths = append(paths, opts.diff)
	}
	switch {
	case len(paths) > 2:
		return cli.BadUsagef("--diff %q: there are two files already", opts.diff)
	case len(paths) == 2 && opts.ofModel() != "":
		return cli.BadUsagef("%s is for one model, not for a comparison", opts.ofModel())
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
	if len(files) == 2 {
		return opts.print(stdout, inspect.Diff(files[0].subject(), files[1].subject()))
	}
	if files[0].checkpoint == nil {
		return opts.inspectModel(stdout, paths[0], files[0].model)
	}
	if flag := opts.ofModel(); flag != "" {
		return cli.BadUsagef("%s is for models, but %q is a checkpoint", flag, paths[0])
	}
	return opts.print(stdout, inspect.Checkpoint(files[0].checkpoint))
}

// ofModel returns a flag that is given but only works for a model; "" if there is none.
func (o *inspectOptions) ofModel() string {
	for _, f := range []struct {
		name  string
		given bool
	}{{"--svg", o.svg != ""}, {"--dot", o.dot != ""}, {"--parameters", o.parameters}, {"--nodes", o.nodes}, {"--size", o.size != cli.ImageSize{}}} {
		if f.given {
			return f.name
		}
	}
	return ""
}

// inspectModel describes one model.
func (o *inspectOptions) inspectModel(stdout io.Writer, path string, m *modelfile.Model) error {
	report, err := o.describe(path, m)
	if err != nil {
		return err
	}
	if err := o.draw(report); err != nil {
		return err
	}
	if err := o.print(stdout, report); err != nil || o.json {
		return err
	}
	if o.parameters {
		if err := report.WriteParameters(stdout); err != nil {
			return err
		}
	}
	if o.nodes {
		return report.WriteNodes(stdout)
	}
	return nil
}

// describe returns the report of a model, with more about a classifier of images.
func (o *inspectOptions) describe(path string, m *modelfile.Model) (*inspect.ModelReport, error) {
	height, width, err := importer.ImageSize(m)
	if err != nil && o.size != (cli.ImageSize{}) {
		return nil, cli.BadUsagef("--size %s: %q takes no images: %w", &o.size, path, err)
	}
	if err != nil {
		importer.InferTypes(m)
		return inspect.Model(m), nil
	}
	if err := o.size.RefuseOther(path, height, width); err != nil {
		return nil, err
	}
	return inspect.Classifier(m, inspect.ImageSize{Height: o.size.Height, Width: o.size.Width})
}

// print writes a report as a table or as JSON.
func (o *inspectOptions) print(stdout io.Writer, report table) error {
	if o.json {
		return cli.PrintJSON(stdout, report)
	}
	return report.WriteTable(stdout)
}

// draw writes the pictures of --svg and --dot.
func (o *inspectOptions) draw(model *inspect.ModelReport) error {
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

// inspected is what a file contains: a model or a checkpoint. The other is nil.
type inspected struct {
	model      *modelfile.Model
	checkpoint *checkpoint.Checkpoint
}

func (f inspected) subject() inspect.Subject {
	if f.model != nil {
		return inspect.ModelSubject(f.model)
	}
	return inspect.CheckpointSubject(f.checkpoint)
}

// openInspected opens a model or a checkpoint, and tells which it is by its first bytes.
// For a snapshot of a run it opens the checkpoint.
func openInspected(path string) (f inspected, err error) {
	if info, err := os.Stat(snapshot.CheckpointPath(path)); err == nil && info.Mode().IsRegular() {
		path = snapshot.CheckpointPath(path)
	}
	head, err := firstBytes(path)
	if file := newestWithin(path); err != nil && file != "" {
		err = fmt.Errorf("%w: name a file in it, such as %s", err, printable.ShellWord(file))
	}
	switch {
	case err != nil:
	case checkpoint.HasIdentifier(head):
		f.checkpoint, err = checkpoint.Read(path)
	default:
		f.model, err = modelfile.Read(path)
	}
	return f, err
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
