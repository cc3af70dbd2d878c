package trainloop

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"onnxlab/dataset"
	"onnxlab/dataset/folder"
	"onnxlab/dataset/shard"
	"onnxlab/dataset/source"
)

// photographFiles writes a folder and shards of the same photographs. The file labels.csv
// in the folder gives each of them up to two labels.
func photographFiles(t *testing.T) (photos, shards string) {
	t.Helper()
	photos, shards = t.TempDir(), filepath.Join(t.TempDir(), "shards")
	labels := "file,a,b\n"
	for name, data := range photographs(t) {
		path := filepath.Join(photos, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		labels += fmt.Sprintf("%s,%d,%d\n", name, len(data)%2, len(data)/2%2)
	}
	if err := os.WriteFile(filepath.Join(photos, "labels.csv"), []byte(labels), 0o666); err != nil {
		t.Fatal(err)
	}
	loaded, err := folder.Load(t.Context(), folder.Options{Path: photos, Stream: true}, dataset.Train, dataset.Validation)
	if err != nil {
		t.Fatal(err)
	}
	if err := shard.Write(t.Context(), shards, shard.WriteOptions{}, loaded); err != nil {
		t.Fatal(err)
	}
	return photos, shards
}

// inMemory returns the set with its pixels in memory, converted to this number of channels.
func inMemory(t *testing.T, set *dataset.Set, channels int) *dataset.Set {
	t.Helper()
	pixels, err := set.ReadImages(t.Context(), 0, set.Len(), nil)
	if err != nil {
		t.Fatal(err)
	}
	kept := &dataset.Set{
		Name: set.Name, Classes: set.Classes, Height: set.Height, Width: set.Width,
		Pixels: pixels, Labels: set.Labels, Targets: set.Targets,
	}
	return kept.WithChannels(channels)
}

// TestStreamedRuns trains on grey photographs of a folder and of shards, and on photographs
// with several labels each. Unless the recipe cuts images out of their originals, a run ends
// in the same bytes as one whose images are in memory. Interrupted within an epoch and
// resumed, it ends in the same bytes too.
func TestStreamedRuns(t *testing.T) {
	photos, shards := photographFiles(t)
	for name, c := range map[string]struct {
		sets     []string
		channels int
		cuts     bool
	}{
		"grey folder":         {[]string{"data.source=folder", "data.path=" + photos, "data.channels=1"}, 1, false},
		"grey folder, photo":  {[]string{"data.source=folder", "data.path=" + photos, "data.channels=1", "augment.recipe=photo"}, 1, true},
		"grey shards":         {[]string{"data.source=shards", "data.path=" + shards, "data.channels=1"}, 1, false},
		"grey shards, photo":  {[]string{"data.source=shards", "data.path=" + shards, "data.channels=1", "augment.recipe=photo"}, 1, true},
		"several labels":      {[]string{"data.source=folder", "data.path=" + photos, "data.labels=labels.csv", "train.loss=binary_cross_entropy"}, 3, false},
		"mixed labels, photo": {[]string{"data.source=folder", "data.path=" + photos, "data.labels=labels.csv", "train.loss=binary_cross_entropy", "augment.recipe=photo", "augment.mixup=0.3"}, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			usual := []string{
				"data.size=16", "data.train=0", "data.validation=0", "data.decoder=go", "model.classes=0",
				"train.epochs=2", "train.batch_size=8", "optimizer.reference_batch=8", "schedule.kind=constant", "schedule.warmup_epochs=0", "schedule.decay_epochs=[]",
			}
			if c.sets[0] == "data.source=folder" {
				usual = append(usual, "data.read=stream")
			}
			o := small(t, append(usual, c.sets...)...)
			if !o.Train.Streams() || !o.Validation.Streams() || o.Train.Channels() != c.channels || o.Train.Len() != 32 {
				t.Fatalf("%d images of %d channels, streaming is %v", o.Train.Len(), o.Train.Channels(), o.Train.Streams())
			}
			if s := mustRun(t, o); s.Epochs != 2 || s.Steps != 8 {
				t.Errorf("%d epochs and %d steps, want 2 and 8", s.Epochs, s.Steps)
			}
			endsTheSame(t, o, 6)
			if c.cuts {
				return
			}
			coloured := o.Experiment.Data
			coloured.Channels = 0
			loaded, err := source.Load(t.Context(), coloured)
			if err != nil {
				t.Fatal(err)
			}
			kept := beside(o, "memory")
			kept.Train, kept.Validation = inMemory(t, loaded.Train, c.channels), inMemory(t, loaded.Validation, c.channels)
			mustRun(t, kept)
			sameOutcome(t, o.Dir, kept.Dir)
		})
	}
}
