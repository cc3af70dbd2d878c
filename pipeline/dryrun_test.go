package main

import (
	"testing"
	"time"

	"onnxlab/trainloop/measure"
)

func TestTrainingTime(t *testing.T) {
	m := measure.Measurement{SecondsPerStep: 0.25, EvaluationImagesPerSecond: 2000}
	if got, want := trainingTime(m, 40, 6000), 13*time.Second; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}
