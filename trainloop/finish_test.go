package trainloop

import (
	"errors"
	"os"
	"strings"
	"testing"

	"onnxlab/onnxmodels/verify"
	"onnxlab/trainloop/rundir"
)

// TestVerification checks that a run fails if the two runtimes disagree on its model. Model
// and history are saved, but there is no summary. When the run is resumed, only its end is
// repeated.
func TestVerification(t *testing.T) {
	o := small(t)
	r, err := start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r.tolerance = 1e-15
	for range o.Experiment.Train.Epochs {
		if err := r.epoch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err = r.finish()
	var disagree *verify.Error
	layout := rundir.Layout{Dir: o.Dir}
	if !errors.As(err, &disagree) || !strings.Contains(err.Error(), layout.Model()) || !strings.Contains(err.Error(), "pipeline verify --layers") {
		t.Errorf("error %v", err)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	model, history := outcome(t, o.Dir)
	if len(model) == 0 || len(history) != 3 {
		t.Errorf("a model of %d bytes, %d epochs", len(model), len(history))
	}
	if _, err := os.Stat(layout.Summary()); err == nil {
		t.Error("there is a summary")
	}
	o.Resume = true
	s := mustRun(t, o)
	if v := s.Verification; v == nil || v.Samples != 4 || v.Tolerance != verify.Tolerance || !(v.LargestDifference <= 1e-6) {
		t.Errorf("verification is %+v", v)
	}
	again := o
	again.Dir += "-again"
	mustRun(t, again)
	sameOutcome(t, o.Dir, again.Dir)
}
