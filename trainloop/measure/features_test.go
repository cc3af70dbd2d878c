package measure

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/onnxmodels"
	"onnxlab/ort/library/librarytest"
	"onnxlab/ort/profile"
)

// TestCachedFeatures checks that steps, profiles and epochs on features can be measured
// like those on images.
func TestCachedFeatures(t *testing.T) {
	librarytest.Open(t)
	model := filepath.Join("..", "..", "onnxmodels", "importer", "testdata", "small_training.onnx")
	e, err := configs.Load("", []string{
		"model.kind=onnx", "model.path=" + model, "model.normalize=imagenet", "model.train=[head]",
		"augment.recipe=none", "train.batch_size=12", "train.cache_features=true", "schedule.kind=constant", "train.epochs=1",
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Model.Classes = 3
	train := &dataset.Set{Name: "own", Classes: []string{"dark", "grey", "light"}, Height: 12, Width: 12}
	rng := rand.New(rand.NewPCG(7, 0))
	for i := range 48 {
		for range 12 * 12 * 3 {
			train.Pixels = append(train.Pixels, uint8(rng.Uint32()))
		}
		train.Labels = append(train.Labels, int32(i%3))
	}
	p, err := Profile(t.Context(), *e, 12, 12, 1, onnxmodels.TargetNative)
	if err != nil {
		t.Fatal(err)
	}
	if !(p.SecondsPerStep > 0 && p.EvaluationImagesPerSecond > 0 && p.GraphSeconds > 0) {
		t.Errorf("measured %+v", p.Measurement)
	}
	if slices.ContainsFunc(p.Nodes, func(n profile.Node) bool { return strings.Contains(n.Operator, "Conv") }) {
		t.Error("a step on features runs the frozen convolutions")
	}
	m, err := Epoch(t.Context(), *e, train, 0)
	if err != nil || m.Images != 48 || !(m.ImagesPerSecond > 0) {
		t.Errorf("an epoch: %+v, %v", m, err)
	}
}
