package trainloop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/augment/batch"
	"onnxlab/configs"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/session"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
	"onnxlab/trainloop/warmstart"
)

func statistics(kind string) string { return "model.batchnorm.statistics=" + kind }

// lastSnapshot returns the path of the snapshot at the end of a run of 12 steps.
func lastSnapshot(dir string) string {
	return snapshot.Path(rundir.Layout{Dir: dir}.Checkpoints(), 12)
}

// TestStatisticsResume interrupts runs with each kind of statistics within the first epoch,
// at the end of an epoch and within the last one. The runs and their snapshots must end
// like those of an uninterrupted run.
func TestStatisticsResume(t *testing.T) {
	for _, kind := range configs.Choices("model.batchnorm.statistics") {
		o := small(t, "train.checkpoint_steps=1", statistics(kind))
		mustRun(t, o)
		for _, k := range []int{1, 4, 10} {
			cut := o
			cut.Dir, cut.Resume = fmt.Sprintf("%s-%d", o.Dir, k), true
			ctx, stop := context.WithCancel(t.Context())
			cut.Observer = &stopAt{left: k, stop: stop}
			_, err := Run(ctx, cut)
			stop()
			var interrupted *Interrupted
			if !errors.As(err, &interrupted) {
				t.Fatalf("%s: step %d: error %v", kind, k, err)
			}
			cut.Observer = nil
			mustRun(t, cut)
			sameOutcome(t, o.Dir, cut.Dir)
			for _, step := range []int{11, 12} {
				sameSnapshot(t, o.Dir, cut.Dir, step)
			}
		}
	}
}

// sameSnapshot compares the files of two runs' snapshots of a step, except for the
// manifests, which contain times.
func sameSnapshot(t *testing.T, a, b string, step int) {
	t.Helper()
	for _, name := range []string{"checkpoint", "statistics"} {
		read := func(dir string) []byte {
			data, err := os.ReadFile(filepath.Join(snapshot.Path(rundir.Layout{Dir: dir}.Checkpoints(), step), name))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			return data
		}
		if !bytes.Equal(read(a), read(b)) {
			t.Errorf("%s and %s have another %s at step %d", a, b, name, step)
		}
	}
}

// TestRecalibrated checks that recalibrated statistics are those of the epoch's images, and
// that they change evaluations and exports, but not training.
func TestRecalibrated(t *testing.T) {
	o := small(t, statistics("recalibrated"))
	mustRun(t, o)
	corrected := small(t, statistics("corrected"))
	mustRun(t, corrected)
	_, history := outcome(t, o.Dir)
	_, other := outcome(t, corrected.Dir)
	for i := range history {
		if history[i].Loss != other[i].Loss || history[i].ValLoss == other[i].ValLoss {
			t.Errorf("epoch %d: %+v, corrected %+v", i, history[i], other[i])
		}
	}
	path := lastSnapshot(o.Dir)
	if a, b := mustRead(t, snapshot.CheckpointPath(path)), mustRead(t, snapshot.CheckpointPath(lastSnapshot(corrected.Dir))); !bytes.Equal(a, b) {
		t.Error("training ended in a different state")
	}

	state, err := checkpoint.Read(snapshot.CheckpointPath(path))
	if err != nil {
		t.Fatal(err)
	}
	measured, err := snapshot.Parameters(path)
	if err != nil {
		t.Fatal(err)
	}
	network, err := Network(o.Experiment, 32, 32)
	if err != nil {
		t.Fatal(err)
	}
	checkMeasured(t, o, network, state, measured)
	for want, c := range map[bool]*checkpoint.Checkpoint{true: measured, false: state} {
		model, err := InferenceModel(network, c, o.Validation.Classes, onnxmodels.TargetPortable)
		if err != nil {
			t.Fatal(err)
		}
		if exported, _ := outcome(t, o.Dir); bytes.Equal(model, exported) != want {
			t.Errorf("model.onnx has these parameters: %v", !want)
		}
	}
	if _, err := snapshot.Check(path); err != nil {
		t.Error(err)
	}
}

// checkMeasured measures the statistics of the last epoch's images again, in one batch.
// Those of the first layer do not depend on how images are divided into batches, and those
// of the second only slightly.
func checkMeasured(t *testing.T, o Options, n *onnxmodels.Network, state, measured *checkpoint.Checkpoint) {
	m, err := n.Moments(state, onnxmodels.InferenceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	model, err := modelfile.Marshal(m.Model)
	if err != nil {
		t.Fatal(err)
	}
	probe, err := session.NewProbe(model, onnxmodels.InputImage, m.Outputs, session.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	values, err := probe.RunImages(epochImages(t, o, 2), 32, 32, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Add(values); err != nil {
		t.Fatal(err)
	}
	for _, s := range m.Statistics() {
		most := 1e-5
		if strings.HasPrefix(s.Name, "stage2") {
			most = 0.05
		}
		for i, want := range s.Data {
			got := measured.Parameter(s.Name).Data[i]
			if e := math.Abs(float64(got - want)); !(e <= most*math.Max(math.Abs(float64(want)), 0.1)) {
				t.Errorf("%s of channel %d: %v, want %v", s.Name, i, got, want)
			}
		}
	}
}

func TestMeasuredBatches(t *testing.T) {
	for _, c := range []struct{ images, most, batch, batches int }{
		{360, 100, 90, 4},
		{128, 100, 64, 2},
		{100, 100, 100, 1},
		{1, 100, 1, 1},
		{101, 100, 50, 2},
		{50_000, 128, 128, 16},
		{50_000, 8192, 2048, 1},
		{50_000, 1024, 1024, 2},
		{50_000, 100, 97, 21},
	} {
		if batch, batches := measuredBatches(c.images, c.most); batch != c.batch || batches != c.batches {
			t.Errorf("%d images, %d at most: %d batches of %d, want %d of %d", c.images, c.most, batches, batch, c.batches, c.batch)
		}
	}
}

// TestInitialStatistics checks that a run says so if its evaluations depend on the initial
// statistics.
func TestInitialStatistics(t *testing.T) {
	for _, c := range []struct {
		sets  []string
		share float64
	}{
		{[]string{statistics("keras")}, 0.886384},
		{[]string{statistics("keras"), "model.batchnorm.momentum=0.5"}, 0},
		{[]string{statistics("corrected")}, 0},
		{[]string{statistics("recalibrated")}, 0},
	} {
		o := small(t, c.sets...)
		var notes []string
		o.Note = func(text string) { notes = append(notes, text) }
		s := mustRun(t, o)
		if math.Abs(s.InitialStatistics-c.share) > 1e-6 {
			t.Errorf("%v: %v, want %v", c.sets, s.InitialStatistics, c.share)
		}
		told := slices.ContainsFunc(notes, func(text string) bool {
			return strings.HasPrefix(text, "after 12 steps, BatchNorm's running statistics are still 88.6 %")
		})
		if told != (c.share > 0) || len(notes) > 1 {
			t.Errorf("%v: notes %q", c.sets, notes)
		}
	}
}

// TestStatisticsFrom checks that a run that begins with the parameters of another one takes
// its recalibrated statistics, and counts its own steps. It may use another kind of
// statistics.
func TestStatisticsFrom(t *testing.T) {
	o := small(t, statistics("recalibrated"))
	mustRun(t, o)
	source := mustSource(t, o.Dir)
	measured, err := snapshot.Parameters(lastSnapshot(o.Dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range configs.Choices("model.batchnorm.statistics") {
		warm := with(beside(o, kind), func(e *configs.Experiment) { e.Model.BatchNorm.Statistics = kind })
		warm.From = source
		warm.Experiment.Train.KeepCheckpoints = 9
		mustRun(t, warm)
		began := firstState(t, warm.Dir)
		for _, p := range slices.Concat(began.Trainable, began.Frozen) {
			want := []float32{0}
			if p.Name != onnxmodels.StepCounter {
				want = measured.Parameter(p.Name).Data
			}
			if !slices.Equal(p.Data, want) {
				t.Errorf("%s: it begins with %s %v, want %v", kind, p.Name, p.Data, want)
			}
		}
		if counts := began.Parameter(onnxmodels.StepCounter) != nil; counts == (kind == configs.StatisticsKeras) {
			t.Errorf("%s: steps are counted: %v", kind, counts)
		}
		again, err := warmstart.Read(warm.Dir)
		if err != nil {
			t.Fatal(err)
		}
		network, err := Network(o.Experiment, 32, 32)
		if err != nil {
			t.Fatal(err)
		}
		if _, start, err := again.Fit(network, o.Train.Classes, 1); err != nil || start.Taken != 14 {
			t.Errorf("%s: %+v, %v", kind, start, err)
		}
	}
}

// epochImages returns the first images of an epoch, augmented.
func epochImages(t *testing.T, o Options, epoch int) []uint8 {
	t.Helper()
	recipe, err := Recipe(o.Experiment.Augment)
	if err != nil {
		t.Fatal(err)
	}
	images := make([]uint8, o.Train.Len()*32*32*3)
	loader, err := batch.NewLoader(o.Train, batch.LoaderOptions{Seed: o.Experiment.Seed, BatchSize: o.Train.Len(), Recipe: recipe, Epoch: epoch})
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	if _, err := loader.Next(t.Context(), images, make([]int64, o.Train.Len())); err != nil {
		t.Fatal(err)
	}
	return images
}
