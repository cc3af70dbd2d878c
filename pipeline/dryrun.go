package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"onnxlab/configs"
	"onnxlab/trainloop"
	"onnxlab/trainloop/sweep"
)

// dryRun prints the cells of a sweep with the time and the memory that each
// will take. Both come from a few steps on random images, one measurement for
// each size of micro-batch, in a process of its own so that its memory can be
// told. The total takes it that cells do not slow each other.
func dryRun(ctx context.Context, plan *sweep.Plan, command cellCommand, jobs int, stdout io.Writer) error {
	height, width, images, err := trainingSize(ctx, plan.Experiment.Data)
	if err != nil {
		return err
	}
	measured := map[string]trainloop.Measurement{}
	t := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "condition\tbatch\tseed\tsteps\tmicro-batch\ttime\tmemory")
	total := time.Duration(0)
	for _, c := range plan.Cells {
		e := c.Experiment
		steps := e.Train.Epochs * (images / e.Train.BatchSize)
		key := fmt.Sprint(e.Model, e.Train.Replicas, e.Train.BatchSize, trainloop.MicroBatch(e))
		m, ok := measured[key]
		if !ok {
			if m, err = measure(ctx, command, e, height, width); err != nil {
				return fmt.Errorf("measure %s: %w", sweep.Name(c.Cell), err)
			}
			measured[key] = m
		}
		duration := time.Duration(float64(steps) * m.SecondsPerStep * float64(time.Second))
		total += duration
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%s\t%.1f GB\n", c.Condition, c.BatchSize, c.Seed, steps,
			trainloop.MicroBatch(e), duration.Round(time.Second), float64(m.PeakBytes)/1e9)
	}
	fmt.Fprintf(t, "%d cells, %d at once\t\t\t\t\t%s\t\n", len(plan.Cells), jobs, (total / time.Duration(jobs)).Round(time.Second))
	return t.Flush()
}

// trainingSize tells the size and the number of the training images.
func trainingSize(ctx context.Context, d configs.Data) (height, width, images int, err error) {
	train, err := loadTraining(ctx, d)
	if err != nil {
		return 0, 0, 0, err
	}
	height, width = train.Size()
	return height, width, train.Len(), nil
}

// measure asks "bench step" for the experiment's steps.
func measure(ctx context.Context, command cellCommand, e configs.Experiment, height, width int) (m trainloop.Measurement, err error) {
	text, err := configs.Marshal(e)
	if err != nil {
		return m, err
	}
	f, err := os.CreateTemp("", "onnxlab-*.yaml")
	if err != nil {
		return m, err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // a leftover temporary file
	if _, err := f.Write(text); err != nil {
		return m, err
	}
	if err := f.Close(); err != nil {
		return m, err
	}
	out, err := command.output(ctx, "bench", "step", "--config", f.Name(), "--steps", "2",
		"--size", fmt.Sprintf("%dx%d", height, width), "--json")
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(out, &m)
}
