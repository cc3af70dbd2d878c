package session

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/internal/npz"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/library/librarytest"
	"onnxlab/ort/lossscale"
)

// Values that PyTorch and Keras gave: onnxmodels/testdata/reference.py.
func reference(t *testing.T, name string) npz.Archive {
	t.Helper()
	a, err := npz.Read(filepath.Join("..", "..", "onnxmodels", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// parametersOf sets the network's parameters to those of the archive.
func parametersOf(n *onnxmodels.Network, a npz.Archive, prefix string) *checkpoint.Checkpoint {
	c := n.Initialize(1)
	for _, list := range [][]checkpoint.Tensor{c.Trainable, c.Frozen} {
		for i := range list {
			list[i].Data = a[prefix+list[i].Name].Float32()
		}
	}
	return c
}

type setup struct {
	options      onnxmodels.TrainingOptions
	batch, micro int
}

func trainer(t *testing.T, n *onnxmodels.Network, c *checkpoint.Checkpoint, s setup) *Trainer {
	t.Helper()
	options := Options{Threads: 2}
	if s.options.Target == onnxmodels.TargetCUDA {
		options.Device = librarytest.Device()
	}
	return trainerWith(t, n, c, s, options)
}

func trainerWith(t *testing.T, n *onnxmodels.Network, c *checkpoint.Checkpoint, s setup, options Options) *Trainer {
	t.Helper()
	librarytest.Open(t)
	if s.options.Target != onnxmodels.TargetPortable {
		s.options.Batch = s.micro
	}
	a, err := n.Artifacts(s.options)
	if err != nil {
		t.Fatal(err)
	}
	height, width := n.Size()
	training := Training{
		Checkpoint: checkpoint.Encode(a.Complete(c)), HasDropout: a.HasDropout, Mixes: a.Mixes,
		Height: height, Width: width, Channels: n.Channels(), Features: n.Features(), BatchSize: s.batch, MicroBatch: s.micro,
	}
	if a.MultiLabel {
		training.Targets = n.Classes()
	}
	if training.TrainingModel, err = modelfile.Marshal(a.Training); err != nil {
		t.Fatal(err)
	}
	if training.OptimizerModel, err = modelfile.Marshal(a.Optimizer); err != nil {
		t.Fatal(err)
	}
	if s.options.Mixed {
		training.LossScale = lossscale.New()
	}
	tr, err := NewTrainer(training, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

// saved returns the trainer's state.
func saved(t *testing.T, tr *Trainer) *checkpoint.Checkpoint {
	t.Helper()
	path := filepath.Join(t.TempDir(), "checkpoint")
	if err := tr.Save(path); err != nil {
		t.Fatal(err)
	}
	c, err := checkpoint.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// gradients returns the gradients times the learning rate, from the checkpoint after the first
// step: they are the optimizer's first moments divided by 1 − momentum.
func gradients(t *testing.T, c *checkpoint.Checkpoint, momentum float64) map[string][]float64 {
	t.Helper()
	if c.Optimizer == nil || len(c.Optimizer.States) != len(c.Trainable) {
		t.Fatalf("the checkpoint has no optimizer state of its %d parameters", len(c.Trainable))
	}
	g := map[string][]float64{}
	for _, s := range c.Optimizer.States {
		for _, m := range s.Momenta[0].Data {
			g[s.Parameter] = append(g[s.Parameter], float64(m)/(1-float64(float32(momentum))))
		}
	}
	return g
}

// within returns the tolerance for the training graph for GPUs, which depends on whether it
// runs on a CPU or on a GPU.
func within(cpu, gpu float64) float64 {
	if librarytest.Device() == "cuda" {
		return gpu
	}
	return cpu
}

// relativeRMS returns the root mean square of got − want, divided by that of want.
func relativeRMS(got, want []float64) float64 {
	var difference, size float64
	for i := range want {
		difference += (got[i] - want[i]) * (got[i] - want[i])
		size += want[i] * want[i]
	}
	return math.Sqrt(difference / size)
}

func float64s(values []float32) []float64 {
	list := make([]float64, len(values))
	for i, v := range values {
		list[i] = float64(v)
	}
	return list
}

func cnn(t *testing.T, size int, widths []int, convolutions int) *onnxmodels.Network {
	t.Helper()
	n, err := onnxmodels.CNN(onnxmodels.CNNOptions{
		Height: size, Width: size, Widths: widths, Convolutions: convolutions, Classes: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestGradientsAgreeWithPyTorch compares loss, accuracy, every gradient and the
// running statistics of one step of the study's network at narrow widths,
// with replicas in the graph and then as micro-batches.
func TestGradientsAgreeWithPyTorch(t *testing.T) {
	a := reference(t, "network.npz")
	n := cnn(t, 16, []int{4, 6, 8}, 3)
	c := parametersOf(n, a, "param/")
	for _, replicas := range []int{1, 4} {
		for _, size := range []int{1, 7, 16} {
			for _, target := range onnxmodels.Targets() {
				for _, micro := range []int{1, replicas} {
					key := fmt.Sprintf("case/r%db%d/", replicas, size)
					o := onnxmodels.TrainingOptions{Momentum: 0.9, GhostBatches: replicas / micro, MicroBatches: micro, Target: target}
					t.Run(fmt.Sprintf("%s%s in %d", key, target, micro), func(t *testing.T) {
						tr := trainer(t, n, c, setup{o, replicas * size, replicas * size / micro})
						compareStep(t, tr, a, key)
					})
				}
			}
		}
	}
}

// TestOblongImagesAgreeWithPyTorch compares one step on images that are not square, with
// even and with odd sides, for each target.
func TestOblongImagesAgreeWithPyTorch(t *testing.T) {
	a := reference(t, "oblong.npz")
	for _, size := range [][3]int{{12, 20, 16}, {21, 10, 5}} {
		n, err := onnxmodels.CNN(onnxmodels.CNNOptions{Height: size[0], Width: size[1], Widths: []int{16, 32}, Convolutions: 1, Classes: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
			key := fmt.Sprintf("case/%dx%d/", size[0], size[1])
			t.Run(key+target, func(t *testing.T) {
				o := onnxmodels.TrainingOptions{Momentum: 0.9, Target: target}
				compareStep(t, trainer(t, n, parametersOf(n, a, "param/"), setup{o, size[2], size[2]}), a, key)
			})
		}
	}
}

func compareStep(t *testing.T, tr *Trainer, a npz.Archive, key string) {
	compareStepWithin(t, tr, a, key, 1e-4)
}

// compareStepWithin accepts gradients with a relative error of at most most.
func compareStepWithin(t *testing.T, tr *Trainer, a npz.Archive, key string, most float64) {
	r, err := tr.Step(a[key+"image"].Uint8(), a[key+"label"].Int64(), 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := a[key+"loss"].Float64()[0]; math.Abs(r.Loss-want) > 1e-5*want {
		t.Errorf("loss %v, PyTorch %v", r.Loss, want)
	}
	if want := int(a[key+"correct"].Int64()[0]); r.Correct != want {
		t.Errorf("%d correct, PyTorch %d", r.Correct, want)
	}
	c := saved(t, tr)
	for name, got := range gradients(t, c, 0.9) {
		want := a[key+"grad/"+name].Float64()
		// A linear bottleneck of MobileNetV2 is followed directly by a 1x1 convolution.
		linear := strings.HasSuffix(name, "project.norm.bias")
		if linear || strings.Contains(name, "conv") && strings.HasSuffix(name, "bias") {
			// BatchNorm subtracts the mean: the gradient is 0 except for rounding errors.
			checkZero(t, name, got)
		} else if e := relativeRMS(got, want); !(e < most) {
			t.Errorf("gradient of %s: relative error %v", name, e)
		}
	}
	for _, s := range c.Frozen {
		if e := relativeRMS(float64s(s.Data), a[key+"stat/"+s.Name].Float64()); !(e < 1e-5) {
			t.Errorf("%s: relative error %v", s.Name, e)
		}
	}
}

func checkZero(t *testing.T, name string, got []float64) {
	t.Helper()
	for _, g := range got {
		if math.Abs(g) > 1e-5 {
			t.Errorf("gradient of %s: %v, want 0 but for rounding", name, g)
			return
		}
	}
}

// TestTrainingAgreesWithPyTorch compares ten steps with a changing rate, with
// and without weight decay and label smoothing.
func TestTrainingAgreesWithPyTorch(t *testing.T) {
	a := reference(t, "training.npz")
	n := cnn(t, 8, []int{4, 6}, 1)
	rates := a["rate"].Float64()
	for _, c := range []struct {
		key              string
		decay, smoothing float32
	}{{"plain/", 0, 0}, {"regular/", 5e-4, 0.1}} {
		t.Run(c.key, func(t *testing.T) {
			o := onnxmodels.TrainingOptions{Momentum: 0.9, WeightDecay: c.decay, LabelSmoothing: c.smoothing}
			tr := trainer(t, n, parametersOf(n, a, "param/"), setup{o, 8, 8})
			for step, rate := range rates {
				key := fmt.Sprintf("batch/%d/", step)
				r, err := tr.Step(a[key+"image"].Uint8(), a[key+"label"].Int64(), rate, 0)
				if err != nil {
					t.Fatal(err)
				}
				if want := a[c.key+"loss"].Float64()[step]; math.Abs(r.Loss-want) > 1e-5*want {
					t.Errorf("step %d: loss %v, PyTorch %v", step, r.Loss, want)
				}
			}
			for _, p := range saved(t, tr).Trainable {
				if e := relativeRMS(float64s(p.Data), a[c.key+"final/"+p.Name].Float64()); !(e < 1e-5) && !strings.HasSuffix(p.Name, "conv1.bias") {
					t.Errorf("%s after ten steps: relative error %v", p.Name, e)
				}
			}
		})
	}
}

// TestTargetsAgree compares the gradients of the other targets' graphs with those of the
// portable graph, at widths to which all rewrites apply.
func TestTargetsAgree(t *testing.T) {
	for _, batch := range []int{12, 20, 32} { // smaller than a block, not a multiple of a block, a multiple
		t.Run(fmt.Sprint(batch), func(t *testing.T) { compareTargets(t, batch, 16, 32) })
	}
	t.Run("wide", func(t *testing.T) { compareTargets(t, 4, 64, 128) })
}

func compareTargets(t *testing.T, batch int, widths ...int) {
	n := cnn(t, 16, widths, 2)
	images, labels := randomBatch(batch, 16)
	want := map[string][]float64{}
	for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
		o := onnxmodels.TrainingOptions{Momentum: 0.9, Target: target}
		tr := trainer(t, n, n.Initialize(3), setup{o, batch, batch})
		if _, err := tr.Step(images, labels, 1, 0); err != nil {
			t.Fatal(err)
		}
		for name, got := range gradients(t, saved(t, tr), 0.9) {
			switch {
			case target == onnxmodels.TargetPortable:
				want[name] = got
			case strings.Contains(name, "conv") && strings.HasSuffix(name, "bias"):
				checkZero(t, name, got)
			default:
				if e := relativeRMS(got, want[name]); !(e < within(1e-5, 1e-4)) {
					t.Errorf("%s: gradient of %s differs by %v", target, name, e)
				}
			}
		}
	}
}

// TestTargetsTrainAlike trains a hundred steps with the portable graph and with those
// for devices: the losses stay equal except for rounding errors, which grow from step
// to step.
func TestTargetsTrainAlike(t *testing.T) {
	t.Run("narrow", func(t *testing.T) { compareTraining(t, cnn(t, 16, []int{16, 32}, 2), 0.001) })
	t.Run("wide", func(t *testing.T) { compareTraining(t, cnn(t, 16, []int{64, 128}, 1), 0.002) })
}

func compareTraining(t *testing.T, n *onnxmodels.Network, rate float64) {
	t.Helper()
	images, labels := randomBatch(16*8, 16)
	size := len(images) / 8
	losses := map[string][]float64{}
	for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
		tr := trainer(t, n, n.Initialize(3), setup{onnxmodels.TrainingOptions{Momentum: 0.9, Target: target}, 16, 16})
		for step := range 100 {
			at := step % 8
			r, err := tr.Step(images[at*size:(at+1)*size], labels[at*16:(at+1)*16], rate, 0)
			if err != nil {
				t.Fatal(err)
			}
			losses[target] = append(losses[target], r.Loss)
		}
	}
	portable := losses[onnxmodels.TargetPortable]
	if last := portable[99]; !(last < 0.96*portable[0]) {
		t.Errorf("loss after 100 steps %v, at first %v: nothing was learnt", last, portable[0])
	}
	for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
		for step, loss := range losses[target] {
			if e := math.Abs(loss/portable[step] - 1); !(e < within(1e-4, 1e-3)) {
				t.Errorf("%s: step %d: loss %v, in the portable form %v", target, step, loss, portable[step])
			}
		}
	}
}

// TestCUDAFormAgrees compares the graph for cuda, in which the batch size is a constant and
// replicas run one after another, with the portable graph for any batch size: gradients,
// dropout and running statistics, which come mostly from the last step, are the same. They
// are equal to the last bit if there is one replica and the convolution has no bias to
// leave out.
func TestCUDAFormAgrees(t *testing.T) {
	n, err := onnxmodels.NewNetwork(8, 8,
		onnxmodels.Conv("conv", onnxmodels.ConvOptions{Filters: 6, Kernel: 3, NoBias: true}),
		onnxmodels.BatchNorm("norm", onnxmodels.BatchNormOptions{Momentum: 0.1}),
		onnxmodels.MaxPool("max", onnxmodels.PoolOptions{Size: 2}),
		onnxmodels.Dropout("drop", 0.4),
		onnxmodels.AveragePool("average", onnxmodels.PoolOptions{Size: 3, Stride: 1, Same: true}),
		onnxmodels.GlobalAveragePool("pool"), onnxmodels.Dense("dense", 10))
	if err != nil {
		t.Fatal(err)
	}
	images, labels := randomBatch(12, 8)
	for replicas, limit := range map[int]float64{1: within(0, 1e-4), 2: within(1e-5, 1e-4), 3: within(1e-5, 1e-4)} {
		end := func(target string) *checkpoint.Checkpoint {
			o := onnxmodels.TrainingOptions{Momentum: 0.9, GhostBatches: replicas, LabelSmoothing: 0.1, WeightDecay: 0.01, Target: target}
			tr := trainer(t, n, n.Initialize(3), setup{o, 12, 12})
			for seed := range uint64(2) {
				if _, err := tr.Step(images, labels, 0.5, seed); err != nil {
					t.Fatal(err)
				}
			}
			return saved(t, tr)
		}
		portable, cuda := end(onnxmodels.TargetPortable), end(onnxmodels.TargetCUDA)
		for _, want := range slices.Concat(portable.Trainable, portable.Frozen) {
			most := limit
			if strings.HasSuffix(want.Name, "running_var") {
				most = max(limit, 1e-6)
			}
			if e := relativeRMS(float64s(cuda.Parameter(want.Name).Data), float64s(want.Data)); !(e <= most) {
				t.Errorf("%d replicas: %s ends %v apart, want at most %v", replicas, want.Name, e, most)
			}
		}
	}
}

func randomBatch(n, size int) ([]uint8, []int64) {
	rng := rand.New(rand.NewPCG(1, 2))
	images, labels := make([]uint8, n*size*size*3), make([]int64, n)
	for i := range images {
		images[i] = uint8(rng.IntN(256))
	}
	for i := range labels {
		labels[i] = int64(rng.IntN(10))
	}
	return images, labels
}

// plain returns a network without BatchNorm.
func plain(t *testing.T, layers ...onnxmodels.Layer) *onnxmodels.Network {
	t.Helper()
	all := append([]onnxmodels.Layer{
		onnxmodels.Conv("conv", onnxmodels.ConvOptions{Filters: 5, Kernel: 3}),
		onnxmodels.ReLU("relu"),
		onnxmodels.MaxPool("max", onnxmodels.PoolOptions{Size: 2}),
		onnxmodels.Residual("block", nil, onnxmodels.Conv("conv", onnxmodels.ConvOptions{Filters: 5, Kernel: 3}), onnxmodels.ReLU("relu")),
		onnxmodels.GlobalAveragePool("pool"),
	}, append(layers, onnxmodels.Dense("dense", 10))...)
	n, err := onnxmodels.NewNetwork(8, 8, all...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAccumulation compares one batch of 12 with 2, 3 and 12 micro-batches,
// over three steps.
func TestAccumulation(t *testing.T) {
	n := plain(t)
	images, labels := randomBatch(12, 8)
	var want *checkpoint.Checkpoint
	for _, count := range []int{1, 2, 3, 12} {
		o := onnxmodels.TrainingOptions{Momentum: 0.9, MicroBatches: count, WeightDecay: 0.01}
		tr := trainer(t, n, n.Initialize(3), setup{o, 12, 12 / count})
		for range 3 {
			if _, err := tr.Step(images, labels, 0.5, 0); err != nil {
				t.Fatal(err)
			}
		}
		got := saved(t, tr)
		if want == nil {
			want = got
			continue
		}
		for i, p := range got.Trainable {
			if e := relativeRMS(float64s(p.Data), float64s(want.Trainable[i].Data)); !(e < 1e-5) {
				t.Errorf("%s in %d micro-batches: relative error %v", p.Name, count, e)
			}
		}
	}
}

// TestMomentumCorrection compares an optimizer model that holds the learning rates with
// equation 9 of Goyal et al. 2017: u ← μ·u + g, w ← w − rate·u.
func TestMomentumCorrection(t *testing.T) {
	n := plain(t)
	images, labels := randomBatch(4, 8)
	rates := []float32{0.1, 0.4, 0.2}
	tr := trainer(t, n, n.Initialize(3), setup{onnxmodels.TrainingOptions{Momentum: 0.9, Rates: rates}, 4, 4})
	velocity := map[string][]float64{}
	weights := n.Initialize(3)
	for step, rate := range rates {
		// The gradient at these weights, from another trainer.
		probe := trainer(t, n, weights, setup{onnxmodels.TrainingOptions{Momentum: 0.9}, 4, 4})
		for _, tr := range []*Trainer{probe, tr} {
			if _, err := tr.Step(images, labels, 1, 0); err != nil {
				t.Fatal(err)
			}
		}
		after := saved(t, tr)
		for name, g := range gradients(t, saved(t, probe), 0.9) {
			u := velocity[name]
			if u == nil {
				u = make([]float64, len(g))
			}
			got, want := make([]float64, len(g)), make([]float64, len(g))
			for i := range g {
				u[i] = 0.9*u[i] + g[i]
				got[i] = float64(after.Parameter(name).Data[i]) - float64(weights.Parameter(name).Data[i])
				want[i] = -float64(rate) * u[i]
			}
			velocity[name] = u
			if e := relativeRMS(got, want); !(e < 1e-4) {
				t.Errorf("step %d, %s: relative error %v of the update", step, name, e)
			}
		}
		weights = after
		weights.Optimizer = nil
	}
}

// TestDropout: the same seed drops the same values, and another seed drops others.
func TestDropout(t *testing.T) {
	n := plain(t, onnxmodels.Dropout("drop", 0.4))
	images, labels := randomBatch(6, 8)
	loss := func(seed uint64) float64 {
		tr := trainer(t, n, n.Initialize(3), setup{onnxmodels.TrainingOptions{Momentum: 0.9}, 6, 6})
		r, err := tr.Step(images, labels, 0.1, seed)
		if err != nil {
			t.Fatal(err)
		}
		return r.Loss
	}
	if a, b := loss(7), loss(7); a != b {
		t.Errorf("one seed gave the losses %v and %v", a, b)
	}
	if a, b := loss(7), loss(8); a == b {
		t.Errorf("seeds 7 and 8 gave one loss %v", a)
	}
}

// TestSavedStateGoesOn: a session that continues from a checkpoint that package checkpoint
// has read and written reaches the same bytes as a session that never stopped.
func TestSavedStateGoesOn(t *testing.T) {
	n := cnn(t, 8, []int{4}, 1)
	images, labels := randomBatch(8, 8)
	o := setup{onnxmodels.TrainingOptions{Momentum: 0.9}, 8, 8}
	step := func(tr *Trainer) {
		if _, err := tr.Step(images, labels, 0.1, 0); err != nil {
			t.Fatal(err)
		}
	}
	straight := trainer(t, n, n.Initialize(3), o)
	step(straight)
	middle := saved(t, straight)
	resumed := trainer(t, n, middle, o)
	for range 3 {
		step(straight)
		step(resumed)
	}
	if a, b := checkpoint.Encode(saved(t, straight)), checkpoint.Encode(saved(t, resumed)); string(a) != string(b) {
		t.Error("the resumed session came to another state")
	}
	if got := saved(t, resumed).Optimizer.Step; got != 4 {
		t.Errorf("optimizer step %d, want 4", got)
	}
}

// TestSizes refuses batches of another size.
func TestSizes(t *testing.T) {
	n := plain(t)
	tr := trainer(t, n, n.Initialize(3), setup{onnxmodels.TrainingOptions{}, 4, 2})
	images, labels := randomBatch(2, 8)
	if _, err := tr.Step(images, labels, 0.1, 0); err == nil {
		t.Error("a batch of half the size was accepted")
	}
	if _, err := NewTrainer(Training{BatchSize: 4, MicroBatch: 3}, Options{}); err == nil {
		t.Error("micro-batches of 3 in a batch of 4 were accepted")
	}
}
