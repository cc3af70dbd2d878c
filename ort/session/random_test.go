package session

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/interp"
	"onnxlab/ort/library/librarytest"
)

var (
	randomFirst  = flag.Uint64("random.first", 1, "the first seed of TestRandomModels")
	randomModels = flag.Uint64("random.models", 25, "how many models TestRandomModels makes")
)

// TestRandomModels puts classifiers together at random, and compares all ways to run and to train
// them: their logits in each runtime, and what a step changes, for each target, for a part of the
// parameters, and on features. A failure prints the model. These flags try more models:
//
//	go test ./ort/session -run TestRandomModels -random.first 1000 -random.models 1000
func TestRandomModels(t *testing.T) {
	for seed := *randomFirst; seed < *randomFirst+*randomModels; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			m := newRandomModel(seed)
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(m)
				}
			})
			read := m.read(t)
			o := onnxmodels.GivenOptions{Normalization: &onnxmodels.Normalization{}, BatchNorm: onnxmodels.BatchNormFreeze}
			if m.chance(0.5) {
				o.BatchNorm = onnxmodels.BatchNormTrain
			}
			n, err := onnxmodels.Given(read, o)
			if err != nil {
				t.Fatal(err)
			}
			compareRandomPredictions(t, m, n)
			compareRandomSteps(t, m, n)
			compareRandomParts(t, m, read)
		})
	}
}

// randomImages returns images and labels.
func randomImages(rng *rand.Rand, n *onnxmodels.Network, count int) ([]uint8, []int64) {
	height, width := n.Size()
	images, labels := make([]uint8, count*height*width*3), make([]int64, count)
	for i := range images {
		images[i] = uint8(rng.Uint32())
	}
	for i := range labels {
		labels[i] = int64(rng.IntN(randomClasses))
	}
	return images, labels
}

// compareRandomPredictions compares the logits in ONNX Runtime, with our kernels and in float16 with
// those in pure Go.
func compareRandomPredictions(t *testing.T, m *randomModel, n *onnxmodels.Network) {
	t.Helper()
	inference := func(precision string) []byte {
		model, err := n.Inference(n.Initialize(1), onnxmodels.InferenceOptions{Precision: precision})
		if err != nil {
			t.Fatal(err)
		}
		return marshal(t, model)
	}
	images, _ := randomImages(m.Rand, n, m.pick(1, 3))
	single, half := inference(onnxmodels.PrecisionFloat32), inference(onnxmodels.PrecisionFloat16)
	pure, err := interp.New(single)
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := pure.Predict(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	librarytest.Open(t)
	for _, c := range []struct {
		name  string
		model []byte
		plain bool
		limit float64
	}{{"ONNX Runtime", single, true, 1e-4}, {"our kernels", single, false, 1e-4}, {"float16", half, true, 3e-2}} {
		s, err := NewModel(c.model, Options{Threads: 2, Plain: c.plain})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := s.Predict(t.Context(), images)
		if err != nil {
			t.Fatal(err)
		}
		if e := relativeRMS(float64s(got), float64s(want)); !(e < c.limit) {
			t.Errorf("logits %v by %s, %v in pure Go: %.1e apart", got, c.name, want, e)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// randomTries is on how many batches a comparison of steps must fail: if the input of a ReLU is almost
// 0, it may be open in one program and shut in another.
const randomTries = 3

// compareRandomSteps compares a step's loss, and what it changes. Some models magnify rounding errors:
// what targets may differ by is measured with parameters that differ in their last bit.
func compareRandomSteps(t *testing.T, m *randomModel, n *onnxmodels.Network) {
	t.Helper()
	const images = 8
	o := onnxmodels.TrainingOptions{Momentum: 0.9, GhostBatches: m.pick(1, 1, 2), Block: Block()}
	step := func(target string, begin *checkpoint.Checkpoint, seed uint64) *checkpoint.Checkpoint {
		o.Target = target
		pixels, labels := randomImages(rand.New(rand.NewPCG(seed, 1)), n, images)
		tr := trainer(t, n, begin, setup{o, images, images})
		if _, err := tr.Step(pixels, labels, 1, 0); err != nil {
			t.Fatal(err)
		}
		return saved(t, tr)
	}
	// The target cpu loses digits of the variance of channels with a large mean (lower/cpu, blockNorm).
	limits := map[string]float64{onnxmodels.TargetCPU: 0.03, onnxmodels.TargetNative: 1e-3, onnxmodels.TargetCUDA: 1e-3}
	wrong := map[string]string{onnxmodels.TargetCPU: "", onnxmodels.TargetNative: "", onnxmodels.TargetCUDA: ""}
	for range randomTries {
		seed, begin, rounded := m.Uint64(), n.Initialize(1), n.Initialize(1)
		for _, p := range rounded.Trainable {
			for i, v := range p.Data {
				p.Data[i] = math.Nextafter32(v, float32(math.Inf(m.pick(-1, 1))))
			}
		}
		want := step(onnxmodels.TargetPortable, begin, seed)
		noise := randomDifferences(begin, want, step(onnxmodels.TargetPortable, rounded, seed))
		for target := range wrong {
			wrong[target] = ""
			for name, e := range randomDifferences(begin, want, step(target, begin, seed)) {
				if !(e < max(limits[target], 30*noise[name])) {
					wrong[target] += fmt.Sprintf("%s: what a step changes differs by %.1e of its size, rounding changes it by %.1e\n", name, e, noise[name])
				}
			}
			if wrong[target] == "" {
				delete(wrong, target)
			}
		}
		if len(wrong) == 0 {
			return
		}
	}
	for target, text := range wrong {
		t.Errorf("target %s, %d ghost batches:\n%s", target, o.GhostBatches, text)
	}
}

// compareRandomParts trains some parameters, chosen at random. A step changes them as it does if all
// parameters are trained, also if the frozen layers below are cut off.
func compareRandomParts(t *testing.T, m *randomModel, read *importer.Model) {
	t.Helper()
	const images = 8
	given := func(train []string) *onnxmodels.Network {
		n, err := onnxmodels.Given(read, onnxmodels.GivenOptions{
			Normalization: &onnxmodels.Normalization{}, BatchNorm: onnxmodels.BatchNormFreeze, Train: train,
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	whole := given(nil)
	begin := whole.Initialize(1)
	share, train := m.Float64(), []string{begin.Trainable[m.IntN(len(begin.Trainable))].Name}
	for _, p := range begin.Trainable {
		if m.chance(share * share) {
			train = append(train, p.Name)
		}
	}
	part := given(train)
	o := onnxmodels.TrainingOptions{Momentum: 0.9, Block: Block(), Target: []string{onnxmodels.TargetPortable, onnxmodels.TargetNative}[m.IntN(2)]}
	step := func(n *onnxmodels.Network, do func(tr *Trainer) (Result, error)) *checkpoint.Checkpoint {
		tr := trainer(t, n, n.Initialize(1), setup{o, images, images})
		if _, err := do(tr); err != nil {
			t.Fatal(err)
		}
		return saved(t, tr)
	}
	cut, err := part.Cut()
	isCut := err == nil // otherwise the first layers are trained
	wrong := ""
	for range randomTries {
		pixels, labels := randomImages(m.Rand, whole, images)
		onPixels := func(tr *Trainer) (Result, error) { return tr.Step(pixels, labels, 1, 0) }
		want := step(whole, onPixels)
		ends := []*checkpoint.Checkpoint{step(part, onPixels)}
		if isCut {
			features := randomFeatures(t, cut, part, o.Target, pixels)
			onFeatures := func(tr *Trainer) (Result, error) { return tr.StepFeatures(features, labels, 1, 0) }
			ends = append(ends, step(cut.Upper, onFeatures))
		}
		wrong = ""
		for i, end := range ends {
			for name, e := range randomDifferences(begin, want, end) {
				if !(e < 0.03) { // some models magnify rounding; what is missing changes a gradient by more
					wrong += fmt.Sprintf("%s, cut: %v: what a step changes differs by %.1e of its size\n", name, i == 1, e)
				}
			}
		}
		if wrong == "" {
			return
		}
	}
	t.Errorf("target %s, training %v:\n%s", o.Target, train, wrong)
}

// randomFeatures returns the features of the images.
func randomFeatures(t *testing.T, cut *onnxmodels.Cut, n *onnxmodels.Network, target string, pixels []uint8) []float32 {
	t.Helper()
	lower, err := cut.Lower(n.Initialize(1), onnxmodels.InferenceOptions{Target: target, Block: Block()})
	if err != nil {
		t.Fatal(err)
	}
	probe, err := NewProbe(marshal(t, lower), onnxmodels.InputImage, []string{onnxmodels.InputFeatures}, Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	height, width := n.Size()
	features, err := probe.RunImages(pixels, height, width, 3)
	if err = errors.Join(err, probe.Close()); err != nil {
		t.Fatal(err)
	}
	return features[0]
}

// randomDifferences returns the differences of the parameters that got trains and, unless they are
// frozen, of the running statistics.
func randomDifferences(begin, want, got *checkpoint.Checkpoint) map[string]float64 {
	const least = 1e-2
	all := differences(begin, want.Trainable, got.Trainable, least)
	if rms(moves(begin, want.Frozen...)) > 0 {
		maps.Copy(all, differences(begin, want.Frozen, got.Frozen, least))
	}
	return all
}
