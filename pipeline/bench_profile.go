package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"onnxlab/configs"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/measure"
)

// profileStep prints where the time of a training step goes.
func profileStep(ctx context.Context, opts *benchStepOptions, e configs.Experiment, stdout io.Writer) error {
	p, err := measure.Profile(ctx, e, opts.size.Height, opts.size.Width, opts.steps, opts.target)
	if err != nil {
		return err
	}
	if opts.json {
		return cli.PrintJSON(stdout, p)
	}
	if err := writeMeasurement(stdout, p.Measurement); err != nil {
		return err
	}
	total := measure.Share{}
	for _, s := range p.Operators {
		total.Nodes += s.Nodes
		total.Forward += s.Forward
		total.Backward += s.Backward
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, s measure.Share) {
		fmt.Fprintf(table, "%s\t%d\t%.2f\t%.2f\t%.2f\t%.1f\t\n",
			name, s.Nodes, 1e3*s.Forward, 1e3*s.Backward, 1e3*s.Seconds(), 100*s.Seconds()/p.GraphSeconds)
	}
	for _, part := range []struct {
		title  string
		shares []measure.Share
	}{{"operator", p.Operators}, {"layer", p.Layers}} {
		fmt.Fprintf(table, "\n%s\tnodes\tforward ms\tbackward ms\tms a step\t%%\t\n", part.title)
		for _, s := range part.shares {
			row(s.Name, s)
		}
		row("all", total)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if p.Device.Traits().Provider != configs.ProviderCPU {
		writeFallbacks(stdout, p)
	}
	_, err = fmt.Fprintf(stdout, "\nUnder the profiler the graph takes %.2f ms a step, of which %.2f ms pass between operators.\nWithout the profiler, but with the optimizer and the copying of images, a step takes %.2f ms.\n",
		1e3*p.GraphSeconds, 1e3*(p.GraphSeconds-total.Seconds()), 1e3*p.SecondsPerStep)
	return err
}

// writeFallbacks lists the nodes of a step on a GPU that do not run on the GPU.
func writeFallbacks(w io.Writer, p measure.StepProfile) {
	if len(p.Fallbacks) == 0 {
		fmt.Fprintf(w, "\nAll %d nodes run on the GPU.\n", len(p.Nodes))
		return
	}
	fmt.Fprintf(w, "\n%d of %d nodes run on the CPU or copy to it and back:\n", len(p.Fallbacks), len(p.Nodes))
	for _, n := range p.Fallbacks {
		fmt.Fprintf(w, "  %s %s\n", n.Operator, n.Name)
	}
}
