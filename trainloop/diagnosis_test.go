package trainloop

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/internal/npz"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/ort/library/librarytest"
	"onnxlab/trainloop/diagnose"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// TestDiagnosisAgreesWithPyTorch compares the noise scale and the sharpness with those of
// diagnose.py. The sharpness is measured on a smooth network. With ReLU and so few images
// and units, a difference of gradients mostly shows kinks of the loss, which its Hessian
// does not have.
func TestDiagnosisAgreesWithPyTorch(t *testing.T) {
	librarytest.Open(t)
	a, err := npz.Read(filepath.Join("testdata", "diagnose.npz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, activation := range []string{"silu", "relu"} {
		t.Run(activation, func(t *testing.T) {
			p, batches := reference(t, a, activation)
			noise, err := p.noise(batches)
			if err != nil {
				t.Fatal(err)
			}
			_, names := p.parts()
			for i, name := range names {
				if strings.HasSuffix(name, "conv1.bias") {
					continue // BatchNorm cancels these, so that only rounding is left
				}
				part := noise.Parts[i]
				s, v := a[activation+"/signal/"+name].Float64()[0], a[activation+"/variance/"+name].Float64()[0]
				near(t, name+": variance", part.Variance, v, 1e-4*v)
				near(t, name+": |G|²", part.Signal, s, 1e-4*v/float64(p.size)) // a difference of the two
			}
			if activation == "relu" {
				return
			}
			eigenvalues := a[activation+"/eigenvalues"].Float64()
			start := make([]float32, len(p.gradient.Parameters()))
			for i := range start {
				start[i] = float32(math.Sin(float64(i + 1)))
			}
			sharpness, err := diagnose.Sharpness(&meanLoss{p, batches[:2], make([]float32, len(start))}, start, 30)
			want := slices.Max(eigenvalues)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "sharpness", sharpness, want, 0.03*want)
		})
	}
}

func near(t *testing.T, what string, got, want, most float64) {
	t.Helper()
	if !(math.Abs(got-want) <= most) {
		t.Errorf("%s: %v, PyTorch %v", what, got, want)
	}
}

// reference returns a prober with the parameters of the archive, and its batches.
func reference(t *testing.T, a npz.Archive, activation string) (*prober, []probed) {
	t.Helper()
	images, labels := a["images"], a["labels"]
	count, size := images.Shape[0], images.Shape[1]
	e := configs.Default()
	e.Model.Widths, e.Model.Convolutions, e.Model.Activation = []int{4, 6}, 1, activation
	e.Train.BatchSize, e.Runtime.Threads = size, 1
	n, err := Network(e, images.Shape[2], images.Shape[3])
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProber(e, n, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	c := n.Initialize(1)
	for i := range c.Trainable {
		c.Trainable[i].Data = a["param/"+c.Trainable[i].Name].Float32()
	}
	if err := p.gradient.Load(c); err != nil {
		t.Fatal(err)
	}
	var batches []probed
	perBatch := len(images.Uint8()) / count
	for i := range count {
		batches = append(batches, probed{images: images.Uint8()[i*perBatch:][:perBatch], labels: labels.Int64()[i*size:][:size]})
	}
	return p, batches
}

// diagnosed adds settings with which every epoch of a small run has a diagnosis, on few
// images.
func diagnosed(sets ...string) []string {
	return append([]string{"diagnose.every=1", "diagnose.images=32", "diagnose.time_share=1"}, sets...)
}

// TestDiagnosisChangesNothing checks, for several kinds of training, that a run has the
// same model and history with and without diagnoses, and that interrupted runs have the
// same diagnoses as others.
func TestDiagnosisChangesNothing(t *testing.T) {
	for _, special := range [][]string{
		nil,
		{"model.dropout=0.5", "augment.mixup=0.2", "train.label_smoothing=0.1", "model.batchnorm.statistics=recalibrated"},
		{"train.replicas=2", "train.balance=weights", "optimizer.kind=adamw", "optimizer.learning_rate=0.001", "augment.recipe=strong"},
		{"optimizer.kind=lars", "optimizer.ema_decay=0.9"},
		{"train.balance=sampling", "optimizer.rate_multipliers=[dense.*=0.5]", "optimizer.nesterov=true", "optimizer.weight_decay=0.001"},
	} {
		t.Run(strings.Join(special, " "), func(t *testing.T) {
			plain, with := small(t, special...), small(t, diagnosed(special...)...)
			mustRun(t, plain)
			mustRun(t, with)
			model, history := outcome(t, plain.Dir)
			same, diagnoses := outcome(t, with.Dir)
			if !bytes.Equal(model, same) {
				t.Error("the model is different")
			}
			found := slices.Clone(diagnoses)
			for i := range diagnoses {
				checkDiagnosis(t, with.Experiment, diagnoses[i])
				diagnoses[i].Diagnosis = rundir.Diagnosis{}
			}
			if fmt.Sprint(history) != fmt.Sprint(diagnoses) {
				t.Errorf("histories\n%v\n%v", history, diagnoses)
			}
			again := small(t, diagnosed(special...)...)
			cutAfter(t, again, 6) // within the second epoch
			again.Resume = true
			mustRun(t, again)
			_, resumed := outcome(t, again.Dir)
			for i := range resumed {
				found[i].Diagnosis.Seconds, resumed[i].Diagnosis.Seconds = 0, 0
			}
			if fmt.Sprint(found) != fmt.Sprint(resumed) {
				t.Errorf("diagnoses of a run and of an interrupted run\n%v\n%v", found, resumed)
			}
		})
	}
}

// checkDiagnosis checks what must hold for every diagnosis.
func checkDiagnosis(t *testing.T, e configs.Experiment, row rundir.Epoch) {
	t.Helper()
	d := row.Diagnosis
	if !d.Measured() || !(d.GradientVariance > 0 && d.UpdateNorm > 0 && d.UpdateRatio > 0) || d.Sharpness == 0 {
		t.Errorf("epoch %d: %+v", row.Epoch, d)
	}
	if d.NoiseScale > 0 && math.Abs(d.NoiseScale-d.GradientVariance/(d.GradientNorm*d.GradientNorm)) > 1e-6*d.NoiseScale {
		t.Errorf("epoch %d: a noise scale of %v by variance %v and norm %v", row.Epoch, d.NoiseScale, d.GradientVariance, d.GradientNorm)
	}
	want := 0.0
	switch o := e.Optimizer; {
	case len(o.RateMultipliers) > 0:
	case o.Nesterov:
		want = 2 * (1 + o.Momentum) / (1 + 2*o.Momentum) / row.LearningRate
	case o.Kind == configs.SGD:
		want = 2 * (1 + o.Momentum) / row.LearningRate
	}
	if math.Abs(d.StabilityLimit-want) > 1e-9*want {
		t.Errorf("epoch %d: stability limit %v, want %v", row.Epoch, d.StabilityLimit, want)
	}
}

// TestUpdates compares the update norms with the difference between the snapshots of the
// last two steps.
func TestUpdates(t *testing.T) {
	o := small(t, diagnosed("train.epochs=1", "train.checkpoint_steps=1", "train.keep_checkpoints=10")...)
	mustRun(t, o)
	layout := rundir.Layout{Dir: o.Dir}
	layers, err := rundir.ReadLayers(layout.Layers())
	if err != nil {
		t.Fatal(err)
	}
	history, err := rundir.ReadHistory(layout.History())
	if err != nil {
		t.Fatal(err)
	}
	var c [2]*checkpoint.Checkpoint
	for i, step := range []int{3, 4} {
		if c[i], err = snapshot.Parameters(snapshot.Path(layout.Checkpoints(), step)); err != nil {
			t.Fatal(err)
		}
	}
	if len(layers) != len(c[0].Trainable) {
		t.Errorf("%d layers of %d parameters", len(layers), len(c[0].Trainable))
	}
	var moved, length float64
	for _, l := range layers {
		var m, w float64
		for k, x := range c[1].Parameter(l.Name).Data {
			d := float64(x) - float64(c[0].Parameter(l.Name).Data[k])
			m, w = m+d*d, w+float64(x)*float64(x)
		}
		moved, length = moved+m, length+w
		if math.Abs(l.UpdateNorm-math.Sqrt(m)) > 1e-5*math.Sqrt(m) || math.Abs(l.WeightNorm-math.Sqrt(w)) > 1e-5*math.Sqrt(w) {
			t.Errorf("%s: %+v, want an update of %v and a weight of %v", l.Name, l, math.Sqrt(m), math.Sqrt(w))
		}
		if w > 0 && math.Abs(l.UpdateRatio*l.WeightNorm-l.UpdateNorm) > 1e-4*l.UpdateNorm {
			t.Errorf("%s: the ratio is not that of the norms: %+v", l.Name, l)
		}
	}
	d := history[0].Diagnosis
	if math.Abs(d.UpdateNorm-math.Sqrt(moved)) > 1e-9 || math.Abs(d.UpdateRatio-math.Sqrt(moved/length)) > 1e-9 {
		t.Errorf("an update of %v and the ratio %v, want %v and %v", d.UpdateNorm, d.UpdateRatio, math.Sqrt(moved), math.Sqrt(moved/length))
	}
}

// TestDiagnosisOfFeatures checks that runs on cached features have diagnoses too. These are
// about the upper layers, and agree with those of the whole network.
func TestDiagnosisOfFeatures(t *testing.T) {
	var scales []float64
	for _, cached := range []string{"true", "false"} {
		o := smallGiven(t, "training", diagnosed("model.train=[head]", "train.cache_features="+cached, "train.epochs=1")...)
		mustRun(t, o)
		_, history := outcome(t, o.Dir)
		scales = append(scales, history[0].Diagnosis.GradientVariance)
	}
	if !(scales[0] > 0) || math.Abs(scales[0]-scales[1]) > 1e-3*scales[0] {
		t.Errorf("gradient variances %v of features and of images", scales)
	}
}

// TestBudget checks that all diagnoses of a run together stay within their share of the
// time. They are frequent at first and rarer later, but evenly spread if the run may stop
// early.
func TestBudget(t *testing.T) {
	const epochs, share = 100, 0.1
	for _, patience := range []int{0, 5} {
		var history []rundir.Epoch
		var at []int
		train := configs.Train{Epochs: epochs, StopPatience: patience}
		for epoch := range epochs {
			row := rundir.Epoch{Seconds: 1}
			b := budgetOf(history, epoch, train)
			b.elapsed++
			if b.cost == 0 {
				b.cost = 0.7
			}
			if b.allows(share) {
				row.Diagnosis.Seconds = 0.7
				row.Seconds += 0.7
				at = append(at, epoch)
			}
			history = append(history, row)
		}
		if n := len(at); n != 14 { // 14·0.7 ≤ 10 < 15·0.7
			t.Errorf("patience %d: %d diagnoses, at %v", patience, n, at)
		}
		inFirstQuarter := 0
		for _, epoch := range at {
			if epoch < epochs/4 {
				inFirstQuarter++
			}
		}
		if want := map[int]int{0: 8, 5: 4}[patience]; at[0] != 0 || inFirstQuarter != want {
			t.Errorf("patience %d: %d in the first quarter, want %d: %v", patience, inFirstQuarter, want, at)
		}
	}
}

// TestNoTimeForDiagnosis checks that a run without time for any diagnosis says so and goes
// on.
func TestNoTimeForDiagnosis(t *testing.T) {
	o := small(t, "diagnose.every=1", "diagnose.images=100000")
	var notes []string
	o.Note = func(text string) { notes = append(notes, text) }
	mustRun(t, o)
	if n := slices.IndexFunc(notes, func(n string) bool { return strings.Contains(n, "diagnose.time_share 0.1 of the run's") }); n < 0 {
		t.Errorf("notes %q", notes)
	}
	if _, history := outcome(t, o.Dir); slices.ContainsFunc(history, func(e rundir.Epoch) bool { return e.Diagnosis.Measured() }) {
		t.Errorf("history %v", history)
	}
	if layers, err := rundir.ReadLayers(rundir.Layout{Dir: o.Dir}.Layers()); err != nil || layers != nil {
		t.Errorf("layers %v (%v)", layers, err)
	}
}

// TestProbesAreDrawn checks that batches differ from each other and from epoch to epoch,
// and that drawing them again gives the same ones.
func TestProbesAreDrawn(t *testing.T) {
	o := small(t)
	n, err := Network(o.Experiment, 32, 32)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProber(o.Experiment, n, o.Train, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	draw := func(epoch int) []probed {
		list, err := p.draw(t.Context(), epoch, 3)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	one, again, other := draw(0), draw(0), draw(1)
	seen := map[string]bool{}
	for i := range one {
		if !bytes.Equal(one[i].images, again[i].images) || !slices.Equal(one[i].labels, again[i].labels) {
			t.Errorf("batch %d is not the same again", i)
		}
		seen[string(one[i].images)], seen[string(other[i].images)] = true, true
	}
	if len(seen) != 6 {
		t.Errorf("%d different batches of 6", len(seen))
	}
}

// TestDiagnosedImages checks that diagnosedImages predicts the number of images that a
// diagnosis takes.
func TestDiagnosedImages(t *testing.T) {
	for _, c := range []struct{ images, batch, replicas, size, want int }{
		{512, 256, 1, 128, 512 + 9*128},
		{512, 32, 1, 32, 512 + 9*128},
		{512, 32, 4, 8, 512 + 9*128},
		{128, 384, 1, 32, 128 + 9*32},
		{64, 96, 1, 16, 64 + 9*16},
	} {
		e := configs.Default()
		e.Diagnose.Images, e.Train.BatchSize, e.Train.Replicas = c.images, c.batch, c.replicas
		if size, images := diagnosedBatch(e), diagnosedImages(e); size != c.size || images != c.want {
			t.Errorf("%+v: %d images in batches of %d", c, images, size)
		}
	}
}
