package main

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/measure"
)

// serveHelp describes --serve in the help of the commands that have it.
const serveHelp = `With --serve the command waits for lines "run N" on standard input. For each it
does N steps and prints how many seconds they took, and for how many of these they
waited for images. So a benchmark can let several programs take turns.
`

// serveSteps answers each line "run N" with the time that N steps took.
func serveSteps(ctx context.Context, step stepper, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines, end := make(chan string), make(chan error, 1)
	// Reading a line cannot be interrupted: the goroutine ends with the process.
	go func() {
		end <- sendLines(ctx, stdin, lines)
	}()
	for {
		select {
		case line := <-lines:
			if err := serveLine(ctx, line, step, stdout); err != nil {
				return err
			}
		case err := <-end:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stepper does a step and returns how long it took.
type stepper func(context.Context) (measure.StepTime, error)

func sendLines(ctx context.Context, r io.Reader, lines chan<- string) error {
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		select {
		case lines <- scanner.Text():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return scanner.Err()
}

func serveLine(ctx context.Context, line string, step stepper, stdout io.Writer) error {
	var steps int
	if _, err := fmt.Sscanf(line, "run %d", &steps); err != nil || steps < 1 {
		return cli.BadUsagef("line %q: want \"run N\"", line)
	}
	var total measure.StepTime
	for range steps {
		t, err := step(ctx)
		if err != nil {
			return err
		}
		total.Seconds += t.Seconds
		total.Wait += t.Wait
	}
	_, err := fmt.Fprintf(stdout, "%.6f %.6f\n", total.Seconds, total.Wait)
	return err
}
