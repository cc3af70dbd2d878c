package main

import (
	"testing"
	"time"

	"onnxlab/trainloop"
)

func TestTrainingTime(t *testing.T) {
	m := trainloop.Measurement{SecondsPerStep: 0.25, EvaluationImagesPerSecond: 2000}
	if got, want := trainingTime(m, 40, 6000), 13*time.Second; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}
