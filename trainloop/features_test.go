package trainloop

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// noisy gives the images of a small run random pixels, and its classes unequal numbers of
// images.
func noisy(o Options) Options {
	o.Train.Labels[0], o.Train.Labels[3] = 1, 2 // classes with unequal numbers of images
	rng := rand.New(rand.NewPCG(7, 0))
	for i := range o.Train.Pixels {
		o.Train.Pixels[i] = o.Train.Pixels[i]/2 + uint8(rng.Uint32())/2
	}
	return o
}

// TestCachedFeatures compares runs on features with the same runs on images.
func TestCachedFeatures(t *testing.T) {
	for _, c := range []struct {
		form, train string
		more        []string
	}{
		{"training", "[head]", []string{"train.replicas=2", "train.micro_batch=6"}},
		{"inference", "[head]", []string{"train.balance=sampling"}},
		{"default", "[head]", []string{"train.balance=weights", "optimizer.kind=adamw", "optimizer.learning_rate=0.01"}},
		{"training", "[head, 'project.*']", []string{"train.label_smoothing=0.1"}}, // features of two layers
		{"training", "[head, 'norm2.*']", []string{"train.replicas=2"}},            // norm2 normalises by the batch
		{"training", "[head, 'norm2.*']", []string{"model.batchnorm.statistics=recalibrated"}},
	} {
		o := noisy(smallGiven(t, c.form, append(c.more, "model.train="+c.train)...))
		cached := beside(o, "cached")
		cached.Experiment.Train.CacheFeatures = true
		var notes []string
		cached.Note = func(text string) { notes = append(notes, text) }
		want, got := mustRun(t, o), mustRun(t, cached)
		if got.Parameters != want.Parameters || len(notes) != 2 || !strings.Contains(notes[0], "once over 96 images") || !strings.HasPrefix(notes[1], "trains ") {
			t.Errorf("%s %s: %d parameters, want %d; notes %q", c.form, c.train, got.Parameters, want.Parameters, notes)
		}
		sameWithin(t, o.Dir, cached.Dir, 1e-4)
	}
}

// sameWithin checks that two runs have the same histories and trained parameters, except
// for rounding.
func sameWithin(t *testing.T, want, got string, tolerance float64) {
	t.Helper()
	a, err := rundir.ReadHistory(rundir.Layout{Dir: want}.History())
	b, err2 := rundir.ReadHistory(rundir.Layout{Dir: got}.History())
	if err := errors.Join(err, err2); err != nil || len(a) != len(b) || len(a) == 0 {
		t.Fatalf("%d and %d epochs, %v", len(a), len(b), err)
	}
	far := func(x, y float64) bool { return !(math.Abs(x-y) <= tolerance*math.Abs(x)) }
	for i := range a {
		if far(a[i].Loss, b[i].Loss) || far(a[i].ValLoss, b[i].ValLoss) || a[i].Accuracy != b[i].Accuracy || a[i].ValAccuracy != b[i].ValAccuracy {
			t.Errorf("epoch %d: %+v, want %+v", i, b[i], a[i])
		}
	}
	ca, cb := latestState(t, want), latestState(t, got)
	if len(ca.Trainable) != len(cb.Trainable) || len(ca.Frozen) != len(cb.Frozen) {
		t.Fatalf("%d and %d parameters, want %d and %d", len(cb.Trainable), len(cb.Frozen), len(ca.Trainable), len(ca.Frozen))
	}
	for _, p := range append(ca.Trainable, ca.Frozen...) {
		q := cb.Parameter(p.Name)
		if q == nil || len(q.Data) != len(p.Data) {
			t.Fatalf("no parameter %q of %d numbers", p.Name, len(p.Data))
		}
		if d := relativeDistance(q.Data, p.Data); d > tolerance {
			t.Errorf("%s is %.2g apart", p.Name, d)
		}
	}
}

// latestState returns the checkpoint of the latest snapshot.
func latestState(t *testing.T, dir string) *checkpoint.Checkpoint {
	t.Helper()
	_, path, _, err := snapshot.Latest(rundir.Layout{Dir: dir}.Checkpoints())
	if err != nil {
		t.Fatal(err)
	}
	c, err := checkpoint.Read(snapshot.CheckpointPath(path))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCachedFeaturesResume checks that a run on features that is interrupted within an
// epoch ends in the same model.
func TestCachedFeaturesResume(t *testing.T) {
	o := noisy(smallGiven(t, "training", "model.train=[head]", "train.cache_features=true"))
	mustRun(t, o)
	cut := beside(o, "cut")
	cutAfter(t, cut, 5)
	cut.Resume = true
	mustRun(t, cut)
	sameOutcome(t, o.Dir, cut.Dir)
	a, err := os.ReadFile(rundir.Layout{Dir: o.Dir}.FineTuned())
	b, err2 := os.ReadFile(rundir.Layout{Dir: cut.Dir}.FineTuned())
	if err != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Errorf("the written models differ: %v, %v", err, err2)
	}
}

func TestCachedFeaturesRefusals(t *testing.T) {
	for train, want := range map[string]string{
		"[all]":          "its first layers are trained",
		"['*em.weight']": "its first layers are trained",
		"[head,'-*']":    "no parameter is left",
	} {
		o := smallGiven(t, "training", "model.train="+train, "train.cache_features=true")
		var setting *SettingError
		if _, err := Run(t.Context(), o); !errors.As(err, &setting) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", train, err, want)
		}
	}
	o := smallGiven(t, "inference", "model.train=[head]", "train.cache_features=true")
	o.Experiment.Augment.Recipe = "medium"
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "augment.recipe") {
		t.Errorf("with augmentation: error %v", err)
	}
}

// TestFeatureMemory checks that features that do not fit into memory are an error that says
// how much they take.
func TestFeatureMemory(t *testing.T) {
	o := smallGiven(t, "inference", "model.train=[head]", "train.cache_features=true")
	n, err := Network(withClasses(o.Experiment, o.Train), 12, 12)
	if err != nil {
		t.Fatal(err)
	}
	cut, err := cutFor(o.Experiment, n)
	if err != nil {
		t.Fatal(err)
	}
	const images = 1e9 // of 8 features of 4 bytes
	if err := checkFeatureMemory(cut, images, 32e9); err != nil {
		t.Error(err)
	}
	var setting *SettingError
	if err := checkFeatureMemory(cut, images, 32e9-1); !errors.As(err, &setting) || !strings.Contains(err.Error(), "8 features for each of 1000000000 images need 32.0 GB") {
		t.Errorf("error %v", err)
	}
}
