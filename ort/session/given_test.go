package session

import (
	"math"
	"path/filepath"
	"testing"

	"onnxlab/internal/npz"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
)

// Training a given classifier gives the same losses, parameters and running statistics as
// PyTorch, for each way in which PyTorch exports it: onnxmodels/importer/testdata/make.py.
func TestGivenTrains(t *testing.T) {
	dir := filepath.Join("..", "..", "onnxmodels", "importer", "testdata")
	a, err := npz.Read(filepath.Join(dir, "references.npz"))
	if err != nil {
		t.Fatal(err)
	}
	imagenet, err := onnxmodels.ParseNormalization("imagenet")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		model, form, reference string
		options                onnxmodels.GivenOptions
		parameters             bool // the file has the parameters of the reference
	}{
		{"small", "training", "all", onnxmodels.GivenOptions{}, true},
		{"small", "training", "frozen", onnxmodels.GivenOptions{BatchNorm: onnxmodels.BatchNormFreeze}, true},
		{"small", "training", "head", onnxmodels.GivenOptions{Train: []string{"head.*"}}, true},
		{"small", "inference", "head", onnxmodels.GivenOptions{Train: []string{"head.*"}}, false},
		{"small", "default", "head", onnxmodels.GivenOptions{Train: []string{"head.*"}}, false},
		{"fresh", "training", "fresh", onnxmodels.GivenOptions{}, false},
		{"fresh", "inference", "fresh", onnxmodels.GivenOptions{}, false},
		{"fresh", "default", "fresh", onnxmodels.GivenOptions{}, false},
		{"standard", "training", "standard", onnxmodels.GivenOptions{}, false},
		{"standard", "inference", "standard", onnxmodels.GivenOptions{}, false},
		{"standard", "default", "standard", onnxmodels.GivenOptions{BatchNorm: onnxmodels.BatchNormTrain}, false},
	} {
		for _, target := range []string{onnxmodels.TargetPortable, onnxmodels.TargetCPU, onnxmodels.TargetNative} {
			t.Run(c.model+"/"+c.form+"/"+c.reference+"/"+target, func(t *testing.T) {
				file, err := modelfile.ReadFile(filepath.Join(dir, c.model+"_"+c.form+".onnx"))
				if err != nil {
					t.Fatal(err)
				}
				importer.Untie(file.Model)
				m, err := importer.Read(file.Model, importer.Options{})
				if err != nil {
					t.Fatal(err)
				}
				c.options.Normalization = &imagenet
				n, err := onnxmodels.Given(m, c.options)
				if err != nil {
					t.Fatal(err)
				}
				s := setup{onnxmodels.TrainingOptions{Momentum: 0.9, Target: target, Block: Block()}, 6, 6}
				tr := trainer(t, n, n.Initialize(1), s)
				images, labels := a["images"].Uint8(), a["labels"].Int64()
				for i, want := range a[c.reference+".losses"].Float64() {
					got, err := tr.Step(images, labels, 0.05, 0)
					if err != nil {
						t.Fatal(err)
					}
					if math.Abs(float64(got.Loss)-want) > 1e-5*want {
						t.Errorf("step %d: loss %v, want %v", i, got.Loss, want)
					}
				}
				state := saved(t, tr)
				for _, p := range n.Parameters() {
					if !c.parameters {
						break
					}
					got, want := float64s(state.Parameter(p.Name).Data), a[c.reference+"."+p.Name].Float64()
					if r := relativeRMS(got, want); !(r < 1e-5) {
						t.Errorf("%s after %d steps: %.2g off", p.Name, len(a[c.reference+".losses"].Float64()), r)
					}
				}
			})
		}
	}
}

// TestGivenGhostBatches: for each target, the training graph of a given classifier normalises the
// same parts of a batch, and keeps images and labels together.
func TestGivenGhostBatches(t *testing.T) {
	dir := filepath.Join("..", "..", "onnxmodels", "importer", "testdata")
	file, err := modelfile.ReadFile(filepath.Join(dir, "small_training.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := importer.Read(file.Model, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := onnxmodels.Given(m, onnxmodels.GivenOptions{Normalization: &onnxmodels.Normalization{}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := npz.Read(filepath.Join(dir, "references.npz"))
	if err != nil {
		t.Fatal(err)
	}
	images, labels := a["images"].Uint8(), a["labels"].Int64()
	var want []float64
	for _, target := range []string{onnxmodels.TargetPortable, onnxmodels.TargetCPU, onnxmodels.TargetNative, onnxmodels.TargetCUDA} {
		tr := trainer(t, n, n.Initialize(1), setup{onnxmodels.TrainingOptions{Momentum: 0.9, GhostBatches: 2, Target: target, Block: Block()}, 6, 6})
		for i := range 3 {
			r, err := tr.Step(images, labels, 0.05, 0)
			if err != nil {
				t.Fatal(err)
			}
			if target == onnxmodels.TargetPortable {
				want = append(want, r.Loss)
			} else if math.Abs(r.Loss-want[i]) > within(1e-5, 1e-2)*want[i] {
				t.Errorf("%s, step %d: loss %v, want %v", target, i, r.Loss, want[i])
			}
		}
	}
}

// TestFeatureSizes: a trainer of images refuses features, and features of the wrong number are
// refused.
func TestFeatureSizes(t *testing.T) {
	n := plain(t)
	tr := trainer(t, n, n.Initialize(3), setup{onnxmodels.TrainingOptions{}, 4, 4})
	if _, err := tr.StepFeatures(make([]float32, 4), make([]int64, 4), 0.1, 0); err == nil {
		t.Error("a trainer of images takes features")
	}
	if features, labels := tr.FeatureBatch(); features != nil || labels != nil {
		t.Error("a trainer of images has memory for features")
	}
	for sizes, want := range map[[2]int]bool{{0, 8}: true, {4, 8}: true, {2, 8}: false, {4, 9}: false} {
		if err := (Training{Features: 8, MicroBatch: 4}).checkFeatures(sizes[:]); (err == nil) != want {
			t.Errorf("features %v: error %v", sizes, err)
		}
	}
}
