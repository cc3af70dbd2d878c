package session

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/interp"
	"onnxlab/ort/library/librarytest"
)

var (
	randomFirst  = flag.Uint64("random.first", 1, "the first seed of TestRandomModels")
	randomModels = flag.Uint64("random.models", 30, "how many models TestRandomModels makes")
)

// TestRandomModels puts classifiers together at random, and compares all ways to run and to train
// them: the probabilities in ONNX Runtime, with our kernels and in pure Go, and what a step changes,
// for each target. A failure prints the model. These flags try more models:
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

func compareRandomPredictions(t *testing.T, m *randomModel, n *onnxmodels.Network) {
	t.Helper()
	model, err := n.Inference(n.Initialize(1), onnxmodels.InferenceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	images, _ := randomImages(m.Rand, n, m.pick(1, 3))
	pure, err := interp.New(marshal(t, model))
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := pure.Predict(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	librarytest.Open(t)
	for _, plain := range []bool{true, false} {
		s, err := NewModel(marshal(t, model), Options{Threads: 2, Plain: plain})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := s.Predict(t.Context(), images)
		if err != nil {
			t.Fatal(err)
		}
		if e := relativeRMS(float64s(got), float64s(want)); !(e < 1e-4) {
			t.Errorf("logits %v, plain: %v, in pure Go %v: %.1e apart", got, plain, want, e)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// compareRandomSteps compares a step's loss, and what it changes. Some models magnify rounding errors:
// what targets may differ by is measured with parameters that differ in their last bit. If the input
// of a ReLU is almost 0, targets may differ by more. A target is wrong if it is so on each of several
// batches.
func compareRandomSteps(t *testing.T, m *randomModel, n *onnxmodels.Network) {
	t.Helper()
	const images, tries = 8, 3
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
	for range tries {
		seed, begin, rounded := m.Uint64(), n.Initialize(1), n.Initialize(1)
		for _, p := range rounded.Trainable {
			for i, v := range p.Data {
				p.Data[i] = math.Nextafter32(v, float32(math.Inf(m.pick(-1, 1))))
			}
		}
		want := step(onnxmodels.TargetPortable, begin, seed)
		noise := differences(begin, want, step(onnxmodels.TargetPortable, rounded, seed))
		for target := range wrong {
			wrong[target] = ""
			for name, e := range differences(begin, want, step(target, begin, seed)) {
				if !(e < max(limits[target], 30*noise[name])) {
					wrong[target] += fmt.Sprintf("%s: what a step changes differs by %.1e of its size, rounding changes it by %.1e\n", name, e, noise[name])
				}
			}
			if wrong[target] == "" {
				delete(wrong, target)
			}
		}
	}
	for target, text := range wrong {
		t.Errorf("target %s, %d ghost batches:\n%s", target, o.GhostBatches, text)
	}
}

// differences returns how much two steps differ in what they change, relative to the change, for
// each parameter and each running statistic. Changes below a hundredth of the root mean square of all
// changes count as zero.
func differences(begin, want, got *checkpoint.Checkpoint) map[string]float64 {
	all := map[string]float64{}
	for _, lists := range [][2][]checkpoint.Tensor{{want.Trainable, got.Trainable}, {want.Frozen, got.Frozen}} {
		var moves []float64
		for _, p := range lists[0] {
			moves = append(moves, changes(p.Data, begin.Parameter(p.Name).Data)...)
		}
		if rms(moves) == 0 {
			continue // statistics are frozen
		}
		for i, p := range lists[0] {
			size := max(rms(changes(p.Data, begin.Parameter(p.Name).Data)), 1e-2*rms(moves))
			all[p.Name] = rms(changes(lists[1][i].Data, p.Data)) / size
		}
	}
	return all
}
