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

// dryRun prints the time and the memory that each cell of a sweep will take, each
// as soon as it is known. It estimates them from a few steps on random images and
// from an evaluation. It measures once for all cells whose steps cost the same, in
// a process of its own, so that its memory can be measured. The total assumes that
// cells do not slow each other down.
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
		key := costKey(e)
		m, ok := measured[key]
		if !ok {
			if m, err = measureCell(ctx, command, e, height, width); err != nil {
				return fmt.Errorf("measure %s: %w", sweep.Name(c.Key), err)
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

// costKey returns the same text for experiments whose steps cost the same.
func costKey(e configs.Experiment) string {
	return fmt.Sprint(e.Model, e.Train.CacheFeatures, e.Train.Replicas, e.Train.BatchSize, trainloop.MicroBatch(e))
}

// trainingTime returns how long the steps and the evaluation of that many images take.
func trainingTime(m measure.Measurement, steps, evaluated int) time.Duration {
	seconds := float64(steps)*m.SecondsPerStep + float64(evaluated)/m.EvaluationImagesPerSecond
	return time.Duration(seconds * float64(time.Second))
}

// plannedLines returns the header and the lines of the table without the columns that
// are measured, aligned, so that the table can be printed line by line.
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

// stepsToTime returns how many steps to measure after a first one: those of a thousand
// images, but at least so many that one slow step does not change the median.
func stepsToTime(batch int) int {
	const fewest, most = 3, 50
	return min(max(1000/batch, fewest), most)
}

// measureCell runs "bench step" for the experiment in a process of its own.
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
