package main

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"onnxlab/trainloop"
)

// serveHelp is what the help of commands with --serve says of it.
const serveHelp = `With --serve it waits for lines "run N" on standard input, does N steps for each
and answers with the seconds that they took, and those of them in which they
waited for images, so that a benchmark can take turns between programs.
`

// serveSteps answers lines "run N" with what N steps took.
func serveSteps(ctx context.Context, step func(context.Context) (trainloop.StepTime, error), stdin io.Reader, stdout io.Writer) error {
	lines := bufio.NewScanner(stdin)
	for lines.Scan() {
		var steps int
		if _, err := fmt.Sscanf(lines.Text(), "run %d", &steps); err != nil || steps < 1 {
			return &usageError{fmt.Errorf("line %q: want \"run N\"", lines.Text())}
		}
		var total trainloop.StepTime
		for range steps {
			t, err := step(ctx)
			if err != nil {
				return err
			}
			total.Seconds += t.Seconds
			total.Wait += t.Wait
		}
		if _, err := fmt.Fprintf(stdout, "%.6f %.6f\n", total.Seconds, total.Wait); err != nil {
			return err
		}
	}
	return lines.Err()
}
