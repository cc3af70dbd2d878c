package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"onnxlab/trainloop/measure"
)

// TestServeInterrupted: after one answer, the wait for another line, which never comes,
// can be interrupted.
func TestServeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stdin, asks := io.Pipe()
	answers, stdout := io.Pipe()
	defer asks.Close()
	step := func(context.Context) (measure.StepTime, error) {
		return measure.StepTime{Seconds: 2, Wait: 0.5}, nil
	}
	served := make(chan error, 1)
	go func() { served <- serveSteps(ctx, step, stdin, stdout) }()
	if _, err := fmt.Fprintln(asks, "run 3"); err != nil {
		t.Fatal(err)
	}
	var seconds, wait float64
	if _, err := fmt.Fscanln(answers, &seconds, &wait); err != nil || seconds != 6 || wait != 1.5 {
		t.Errorf("%v s and %v s of waiting, %v, want 6 and 1.5", seconds, wait, err)
	}
	cancel()
	if err := <-served; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}
