package trainloop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/cpu"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/dataset/cifar"
	"onnxlab/dataset/source"
	"onnxlab/dataset/synthetic"
	"onnxlab/internal/sysmem"
	"onnxlab/onnxmodels"
	"onnxlab/ort/library/librarytest"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// small returns options of a run that takes a second: 3 epochs of 4 steps.
func small(t *testing.T, sets ...string) Options {
	t.Helper()
	librarytest.Open(t)
	e, err := configs.Load(filepath.Join("..", "configs", "smoke.yaml"),
		append([]string{"train.epochs=3", "data.train=128", "data.validation=40", "train.batch_size=32"}, sets...))
	if err != nil {
		t.Fatal(err)
	}
	data, err := source.Load(t.Context(), e.Data)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Experiment: *e, Train: data.Train, Validation: data.Validation, Dir: filepath.Join(t.TempDir(), "run")}
}

func mustRun(t *testing.T, o Options) rundir.Summary {
	t.Helper()
	s, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// outcome returns the results that do not depend on time: the model, and the history
// without its timings.
func outcome(t *testing.T, dir string) (model []byte, history []rundir.Epoch) {
	t.Helper()
	layout := rundir.Layout{Dir: dir}
	model, err := os.ReadFile(layout.Model())
	if err != nil {
		t.Fatal(err)
	}
	history, err = rundir.ReadHistory(layout.History())
	if err != nil {
		t.Fatal(err)
	}
	for i := range history {
		history[i].ImagesPerSecond, history[i].DataWait, history[i].Seconds = 0, 0, 0
	}
	return model, history
}

func sameOutcome(t *testing.T, a, b string) {
	t.Helper()
	ma, ha := outcome(t, a)
	mb, hb := outcome(t, b)
	if !bytes.Equal(ma, mb) {
		t.Errorf("%s and %s have different models", a, b)
	}
	if fmt.Sprint(ha) != fmt.Sprint(hb) {
		t.Errorf("histories\n%v\n%v", ha, hb)
	}
}

// TestRun checks the files of a run, and that a second run writes the same.
func TestRun(t *testing.T) {
	o := small(t)
	s := mustRun(t, o)
	if s.Epochs != 3 || s.Steps != 12 || s.Status != rundir.StatusDone || s.Parameters == 0 {
		t.Errorf("summary %+v", s)
	}
	layout := rundir.Layout{Dir: o.Dir}
	for _, path := range []string{layout.Config(), layout.Environment(), layout.History(), layout.Model(), layout.Summary()} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	again := o
	again.Dir += "-again"
	mustRun(t, again)
	sameOutcome(t, o.Dir, again.Dir)
	other := o
	other.Dir += "-other"
	other.Experiment.Seed++
	mustRun(t, other)
	if a, _ := outcome(t, o.Dir); bytes.Equal(a, first(outcome(t, other.Dir))) {
		t.Error("another seed gave the same model")
	}
}

func first[A, B any](a A, _ B) A { return a }

// stopAt cancels the run's context after some steps.
type stopAt struct {
	silent
	left int
	stop context.CancelFunc
}

func (s *stopAt) Stepped(Position, float64, float64, float64) {
	if s.left--; s.left == 0 {
		s.stop()
	}
}

// TestResume interrupts a run after every possible number of steps, and once more after it
// is resumed. It must end like an uninterrupted run.
func TestResume(t *testing.T) {
	o := small(t, "train.checkpoint_steps=3")
	mustRun(t, o)
	for k := 1; k < 12; k++ {
		cut := o
		cut.Dir = fmt.Sprintf("%s-%d", o.Dir, k)
		cut.Resume = true
		for _, left := range []int{k, 2} {
			ctx, stop := context.WithCancel(t.Context())
			cut.Observer = &stopAt{left: left, stop: stop}
			_, err := Run(ctx, cut)
			stop()
			var interrupted *Interrupted
			if err != nil && (!errors.As(err, &interrupted) || !errors.Is(err, context.Canceled)) {
				t.Fatalf("step %d: error %v", k, err)
			}
			if err == nil && k+left < 12 {
				t.Fatalf("step %d: the run was not interrupted", k)
			}
		}
		cut.Observer = nil
		mustRun(t, cut)
		sameOutcome(t, o.Dir, cut.Dir)
	}
}

// TestDamagedSnapshot checks that a damaged snapshot is skipped in favour of the one before
// it, and that the run cannot be resumed if none is left.
func TestDamagedSnapshot(t *testing.T) {
	o := small(t)
	mustRun(t, o)
	cut := o
	cut.Dir, cut.Resume = o.Dir+"-cut", true
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cut.Observer = &stopAt{left: 9, stop: stop}
	if _, err := Run(ctx, cut); err == nil {
		t.Fatal("the run was not interrupted")
	}
	cut.Observer = nil
	paths, err := snapshot.List(rundir.Layout{Dir: cut.Dir}.Checkpoints())
	if err != nil || len(paths) < 2 {
		t.Fatalf("snapshots %v, %v", paths, err)
	}
	flip(t, snapshot.CheckpointPath(paths[0]))
	mustRun(t, cut)
	sameOutcome(t, o.Dir, cut.Dir)

	all := o
	all.Dir, all.Resume = o.Dir+"-all", true
	ctx, stop = context.WithCancel(t.Context())
	defer stop()
	all.Observer = &stopAt{left: 2, stop: stop}
	if _, err := Run(ctx, all); err == nil {
		t.Fatal("the run was not interrupted")
	}
	paths, err = snapshot.List(rundir.Layout{Dir: all.Dir}.Checkpoints())
	if err != nil || len(paths) != 1 {
		t.Fatalf("snapshots %v, %v", paths, err)
	}
	flip(t, snapshot.CheckpointPath(paths[0]))
	if _, err := Run(t.Context(), all); err == nil || !strings.Contains(err.Error(), paths[0]) {
		t.Errorf("error %v, want one that names %s", err, paths[0])
	}
}

func flip(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRefusals checks the errors for a directory with another run, for another
// configuration, for other data, and for settings that do not fit the data.
func TestRefusals(t *testing.T) {
	o := small(t, "train.epochs=1")
	mustRun(t, o)
	expect := func(o Options, want string) {
		t.Helper()
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
	expect(o, "--resume")
	resumed := o
	resumed.Resume = true
	mustRun(t, resumed)
	changed := resumed
	changed.Experiment.Optimizer.Momentum = 0.5
	expect(changed, "optimizer.momentum")
	big := o
	big.Dir += "-big"
	big.Experiment.Train.BatchSize = 256
	expect(big, "train.batch_size: 256 is more than the 128 training images")
	classes := o
	classes.Dir += "-classes"
	classes.Experiment.Model.Classes = 7
	expect(classes, "model.classes: 7, but the data has 10")
	for _, o := range []Options{big, classes} {
		if _, err := os.Stat(o.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was made", o.Dir)
		}
	}
}

// TestOwnImages trains on images that the data settings do not describe, not even with
// their number of classes. The run can be resumed, but not with another number of classes.
func TestOwnImages(t *testing.T) {
	o := small(t, "train.epochs=2")
	set := &dataset.Set{Name: "own", Classes: []string{"dark", "light", "both"}, Height: 8, Width: 6}
	for i := range 64 {
		set.Pixels = append(set.Pixels, bytes.Repeat([]uint8{uint8(i % 3 * 100)}, 8*6*3)...)
		set.Labels = append(set.Labels, int32(i%3))
	}
	o.Train, o.Validation, o.Experiment.Model.Classes = set, set, 0
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	o.Observer = &stopAt{left: 1, stop: stop}
	var interrupted *Interrupted
	if _, err := Run(ctx, o); !errors.As(err, &interrupted) {
		t.Fatalf("error %v", err)
	}
	o.Observer, o.Resume = nil, true
	if s := mustRun(t, o); s.Epochs != 2 {
		t.Errorf("summary %+v", s)
	}
	kept, err := rundir.ReadConfig(o.Dir)
	if o.Experiment.Model.Classes = 3; err != nil || kept.Hash() != o.Experiment.Hash() {
		t.Errorf("the run keeps %+v, %v, want the number of its classes", kept.Model, err)
	}
	mustRun(t, o) // the number may be set now if it is the same
	more := *set
	more.Classes = append(slices.Clone(set.Classes), "neither")
	o.Train, o.Validation, o.Experiment.Model.Classes = &more, &more, 0
	var mismatch *Mismatch
	if _, err := Run(t.Context(), o); !errors.As(err, &mismatch) || !slices.Equal(mismatch.Differences, []string{"model.classes: 3 became 4"}) {
		t.Errorf("with one more class: %v", err)
	}
}

// TestMadeWrong checks that wrong settings and images that a Go program made are errors
// before a run directory is created.
func TestMadeWrong(t *testing.T) {
	broken := func(o *Options, change func(s *dataset.Set)) *dataset.Set {
		v := o.Validation
		set := &dataset.Set{
			Classes: v.Classes, Height: v.Height, Width: v.Width,
			Pixels: v.Images(0, v.Len()), Labels: slices.Clone(v.Labels),
		}
		change(set)
		return set
	}
	for _, c := range []struct {
		change func(o *Options)
		want   string
	}{
		{func(o *Options) { o.Experiment = configs.Experiment{} }, "problems in the configuration"},
		{func(o *Options) { o.Experiment.Train.Replicas = 0 }, "train.replicas: 0 is outside"},
		{func(o *Options) { o.Experiment.Train.Epochs = -1 }, "train.epochs: -1 is outside"},
		{func(o *Options) { o.Experiment.Optimizer.LearningRate = math.NaN() }, "optimizer.learning_rate: NaN is outside"},
		{func(o *Options) { o.Train = broken(o, func(s *dataset.Set) { s.Pixels = s.Pixels[:100] }) }, "training images: 40 images of 32x32 pixels have 122880 bytes, got 100"},
		{func(o *Options) { o.Validation = broken(o, func(s *dataset.Set) { s.Labels[3] = -1 }) }, "validation images: record 3: label -1 is outside 0..9"},
	} {
		o := small(t)
		c.change(&o)
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one that has %q", err, c.want)
		}
		if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the directory was made", c.want)
		}
	}
	if _, err := NewSteps(t.Context(), configs.Default(), nil); err == nil {
		t.Error("there are steps on no images")
	}
	if _, err := Artifacts(nil, configs.Experiment{}, 1, onnxmodels.TargetCPU); err == nil {
		t.Error("an empty experiment has artifacts")
	}
}

// TestOtherData checks that a run cannot be resumed with other images.
func TestOtherData(t *testing.T) {
	o := small(t)
	o.Resume = true
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cut := o
	cut.Observer = &stopAt{left: 2, stop: stop}
	if _, err := Run(ctx, cut); err == nil {
		t.Fatal("the run was not interrupted")
	}
	_, o.Train = o.Train, &dataset.Set{
		Name: o.Train.Name, Classes: o.Train.Classes, Height: 32, Width: 32,
		Pixels: slices.Clone(o.Train.Images(0, o.Train.Len())), Labels: o.Train.Labels,
	}
	o.Train.Pixels[0] ^= 1
	var mismatch *Mismatch
	if _, err := Run(t.Context(), o); !errors.As(err, &mismatch) {
		t.Errorf("error %v, want a Mismatch", err)
	}
}

// TestDataIsChecked checks that the whole synthetic set is identified before it is drawn,
// and that a run fails if the drawn images turn out to be different.
func TestDataIsChecked(t *testing.T) {
	o := small(t)
	data, err := source.Load(t.Context(), configs.Data{Source: "synthetic"}, dataset.Validation)
	if err != nil {
		t.Fatal(err)
	}
	whole := data.Validation
	o.Validation = whole
	whole.Image(1234)[0] ^= 1
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "its 10000 images have the SHA-256") {
		t.Errorf("error %v", err)
	}
	if _, _, _, err := snapshot.Latest((rundir.Layout{Dir: o.Dir}).Checkpoints()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the run has a snapshot, or none and error %v", err)
	}
}

// TestDiverged checks that a loss that is not finite, in a step or in an evaluation, stops
// the run with an error that names the step, the rate and the last good checkpoint.
func TestDiverged(t *testing.T) {
	for cause, evaluation := range map[string]bool{statistics("keras"): true, "optimizer.weight_decay=0.9": false} {
		o := small(t, "data.train=512", "train.checkpoint_steps=1", "optimizer.learning_rate=1000", "optimizer.reference_batch=1", "schedule.warmup_epochs=0", cause)
		_, err := Run(t.Context(), o)
		var d *Diverged
		if !errors.As(err, &d) {
			t.Fatalf("%s: error %v, want a Diverged", cause, err)
		}
		if !math.IsNaN(d.Loss) && !math.IsInf(d.Loss, 0) || d.Rate != 32000 || !strings.Contains(err.Error(), fmt.Sprintf("step %d (epoch %d)", d.Step+1, d.Epoch+1)) {
			t.Errorf("%s: error %v", cause, err)
		}
		if (d.Step+1 == 16) != evaluation {
			t.Errorf("%s: error %v, want it of the evaluation after 16 steps: %v", cause, err, evaluation)
		}
		if _, err := os.Stat(rundir.Layout{Dir: o.Dir}.Summary()); err == nil {
			t.Errorf("%s: the run has a summary", cause)
		}
	}
}

// TestMemory checks that a batch that does not fit into memory is an error that names the
// setting that helps.
func TestMemory(t *testing.T) {
	e := configs.Default()
	e.Train.BatchSize = 8192
	n, err := Network(e, 32, 32)
	if err != nil {
		t.Fatal(err)
	}
	// How much more memory a step takes with 256 images than with 128, measured for each
	// target (pipeline bench step --target). The target for the CPU uses other blocks if
	// there is no AVX-512.
	blocked := 0.51e9
	if cpu.X86.HasAVX512F {
		blocked = 0.44e9
	}
	for target, measured := range map[string]float64{onnxmodels.TargetNative: 0.21e9, onnxmodels.TargetCPU: blocked, onnxmodels.TargetPortable: 0.45e9} {
		if target == onnxmodels.TargetCPU && runtime.GOARCH == "arm64" {
			continue // it has no blocks there, and has not been measured
		}
		small := e
		small.Train.BatchSize = 128
		need, err := MemoryNeeded(n, small, target)
		if err != nil || math.Abs(float64(need)/measured-1) > 0.15 {
			t.Errorf("%s: 128 images are said to need %d bytes, measured were %.3g (%v)", target, need, measured, err)
		}
	}
	for _, c := range []struct {
		replicas, micro int
		available       int64
		want            string
	}{
		{1, 0, 10e9, "train.batch_size: 8192 images at once need about"},
		{1, 0, 5e9, "set train.replicas to 4"},
		{8, 8192, 10e9, "train.micro_batch: 8192 images at once need about"},
		{8, 8192, 10e9, "set it to 0 for 1024 at once"},
		{1, 8192, 5e9, "set train.replicas to 4 and train.micro_batch to 0, with which BatchNorm normalises parts of 2048"},
		{1, 0, 1e7, "even a single image does not fit"},
		{8, 0, 5e9, ""},
		{1, 0, 100e9, ""},
	} {
		e.Train.Replicas, e.Train.MicroBatch = c.replicas, c.micro
		err := checkMemory(n, e, onnxmodels.TargetNative, c.available)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("replicas %d, micro-batch %d: error %v, want %q", c.replicas, c.micro, err, c.want)
		}
	}
	if got := sysmem.Available(); got < 1e8 {
		t.Errorf("%d bytes are available", got)
	}
}

// TestStudy trains two steps of the study's own network and settings on files
// of CIFAR-10's format.
func TestStudy(t *testing.T) {
	librarytest.Open(t)
	train, validation, err := synthetic.Draw(t.Context(), synthetic.Seed, 256, 20)
	if err != nil {
		t.Fatal(err)
	}
	files := t.TempDir()
	if err := cifar.Write(files, train, validation); err != nil {
		t.Fatal(err)
	}
	e, err := configs.Load(filepath.Join("..", "configs", "study.yaml"), []string{"data.path=" + files, "train.epochs=1"})
	if err != nil {
		t.Fatal(err)
	}
	data, err := source.Load(t.Context(), e.Data)
	if err != nil {
		t.Fatal(err)
	}
	s := mustRun(t, Options{Experiment: *e, Train: data.Train, Validation: data.Validation, Dir: filepath.Join(t.TempDir(), "study")})
	if s.Steps != 2 || s.Parameters != 1927946 {
		t.Errorf("%d steps of %d parameters, want 2 of 1,927,946", s.Steps, s.Parameters)
	}
	if math.Abs(s.Loss-math.Log(10)) > 0.7 {
		t.Errorf("loss %v of the first two steps, want about ln 10", s.Loss)
	}
}
