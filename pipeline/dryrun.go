package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"onnxlab/configs"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop"
	"onnxlab/trainloop/measure"
	"onnxlab/trainloop/sweep"
)

// dryRun prints the cells of a sweep with the time and the memory that each
// will take, each as soon as it is known. Both come from a few steps on random
// images, and the time from an evaluation too, one measurement for each size of
// micro-batch, in a process of its own so that its memory can be told. The total
// takes it that cells do not slow each other.
func dryRun(ctx context.Context, plan *sweep.Plan, resolved *configs.Resolved, command cellCommand, jobs int, stdout, stderr io.Writer) error {
	data, err := cli.LoadData(ctx, plan.Experiment.Data, stderr)
	if err != nil {
		return err
	}
	train, validation := data.Train, data.Validation
	cli.WriteNotes(stderr, cli.NoteLines(resolved.SweepNotes(train.Len())))
	height, width := train.Size()
	steps := func(e configs.Experiment) int { return e.Train.Epochs * (train.Len() / e.Train.BatchSize) }
	lines := plannedLines(plan, steps)
	fmt.Fprintf(stdout, "%stime        memory\n", lines[0])
	measured := map[string]measure.Measurement{}
	total := time.Duration(0)
	for i, c := range plan.Cells {
		e := c.Experiment
		key := measuredAs(e)
		m, ok := measured[key]
		if !ok {
			if m, err = measureCell(ctx, command, e, height, width); err != nil {
				return fmt.Errorf("measure %s: %w", sweep.Name(c.Cell), err)
			}
			measured[key] = m
		}
		duration := trainingTime(m, steps(e), e.Train.Epochs*validation.Len())
		total += duration
		if _, err := fmt.Fprintf(stdout, "%s%-10s  %.1f GB\n", lines[i+1], duration.Round(time.Second), float64(m.PeakBytes)/1e9); err != nil {
			return err
		}
	}
	sum := fmt.Sprintf("%d cells, %d at once", len(plan.Cells), jobs)
	if _, err = fmt.Fprintf(stdout, "%-*s%s\n", len(lines[0]), sum, (total / time.Duration(jobs)).Round(time.Second)); err != nil {
		return err
	}
	if slices.ContainsFunc(plan.Cells, func(c sweep.Cell) bool { return c.Experiment.Train.StopPatience > 0 }) {
		_, err = fmt.Fprintln(stdout, "Cells with train.stop_patience may end earlier: these are the times of all their epochs.")
	}
	return err
}

// measuredAs is the same of experiments whose steps cost the same.
func measuredAs(e configs.Experiment) string {
	return fmt.Sprint(e.Model, e.Train.CacheFeatures, e.Train.Replicas, e.Train.BatchSize, trainloop.MicroBatch(e))
}

// trainingTime is what so many steps and the evaluation of so many images take.
func trainingTime(m measure.Measurement, steps, evaluated int) time.Duration {
	seconds := float64(steps)*m.SecondsPerStep + float64(evaluated)/m.EvaluationImagesPerSecond
	return time.Duration(seconds * float64(time.Second))
}

// plannedLines are the head of the table and the cells, but for what is
// measured: the columns of a table that is printed line by line.
func plannedLines(plan *sweep.Plan, steps func(configs.Experiment) int) []string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "condition\tbatch\tseed\tsteps\tmicro-batch\t")
	for _, c := range plan.Cells {
		e := c.Experiment
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t\n", c.Condition, c.BatchSize, c.Seed, steps(e), trainloop.MicroBatch(e))
	}
	_ = t.Flush() // into memory
	return strings.Split(b.String(), "\n")
}

// stepsToTime is how many steps are measured, after a first one: those of a
// thousand images, but as many as a median needs that one slow step does not move.
func stepsToTime(batch int) int {
	const fewest, most = 3, 50
	return min(max(1000/batch, fewest), most)
}

// measure asks "bench step" for the experiment's steps.
func measureCell(ctx context.Context, command cellCommand, e configs.Experiment, height, width int) (m measure.Measurement, err error) {
	text, err := configs.Marshal(e)
	if err != nil {
		return m, err
	}
	f, err := os.CreateTemp("", "onnxlab-*.yaml")
	if err != nil {
		return m, err
	}
	defer os.Remove(f.Name()) // a leftover temporary file
	if _, err := f.Write(text); err != nil {
		return m, err
	}
	if err := f.Close(); err != nil {
		return m, err
	}
	out, err := command.output(ctx, "bench", "step", "--config", f.Name(), "--steps", strconv.Itoa(stepsToTime(e.Train.BatchSize)),
		"--size", fmt.Sprintf("%dx%d", height, width), "--json")
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(out, &m)
}
