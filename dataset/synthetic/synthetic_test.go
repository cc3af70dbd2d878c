package synthetic

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"onnxlab/dataset"
	"onnxlab/dataset/cifar"
	"onnxlab/dataset/internal/datatest"
)

func synthetic(t testing.TB, seed uint64, train, validation int) (trainSet, validationSet *dataset.Set) {
	t.Helper()
	trainSet, validationSet, err := Draw(context.Background(), seed, train, validation)
	if err != nil {
		t.Fatal(err)
	}
	return trainSet, validationSet
}

// TestSyntheticIsWhatItWas checks that the set has not changed: results that were measured
// on it would no longer be valid.
func TestSyntheticIsWhatItWas(t *testing.T) {
	train, validation := synthetic(t, Seed, 100, 100)
	const (
		wantTrain      = "ffed3ccf3873a5c5479e52b490e45f62d2bee14f9d354e8f992e3d3e0371bbd8"
		wantValidation = "f257e59bd58b467a2231f856ff0609387d6723381136b5355daffacc1c3ff16d"
	)
	if got := train.Hash(); got != wantTrain {
		t.Errorf("training images have hash %s, want %s", got, wantTrain)
	}
	if got := validation.Hash(); got != wantValidation {
		t.Errorf("validation images have hash %s, want %s", got, wantValidation)
	}
}

func TestSyntheticImagesDependOnTheirNumberAlone(t *testing.T) {
	many, manyHeld := synthetic(t, 5, 333, 111)
	few, fewHeld := synthetic(t, 5, 77, 11)
	if many.Head(77).Hash() != few.Hash() || manyHeld.Head(11).Hash() != fewHeld.Hash() {
		t.Error("the first images depend on how many are drawn")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, _ := synthetic(t, 5, 333, 0)
	if one.Hash() != many.Hash() {
		t.Error("the images depend on the number of cores")
	}
}

func TestSeedsAndSplitsDiffer(t *testing.T) {
	train, validation := synthetic(t, 5, 50, 50)
	other, _ := synthetic(t, 6, 50, 0)
	seen := map[string]bool{}
	for _, set := range []*dataset.Set{train, validation, other} {
		for i := range set.Len() {
			if image := string(set.Image(i)); seen[image] {
				t.Fatalf("image %d occurs twice", i)
			} else {
				seen[image] = true
			}
		}
	}
	if slices.Equal(train.Labels, validation.Labels) || slices.Equal(train.Labels, other.Labels) {
		t.Error("the labels come in the same order")
	}
}

// TestSyntheticClassesAreBalanced checks that each class occurs once in every ten images,
// and equally often at each position within them.
func TestSyntheticClassesAreBalanced(t *testing.T) {
	const blocks = 2000
	var at [10][10]int
	for block := range blocks {
		seen := map[int]bool{}
		for place := range 10 {
			class := classOf(1, splitTrain, 10*block+place)
			seen[class] = true
			at[place][class]++
		}
		if len(seen) != 10 {
			t.Fatalf("images %d..%d have %d classes", 10*block, 10*block+9, len(seen))
		}
	}
	for place, counts := range at {
		for class, n := range counts {
			// Five standard deviations of a count whose mean is 200.
			if n < 200-67 || n > 200+67 {
				t.Errorf("class %d is %d times at place %d of %d", class, n, place, blocks)
			}
		}
	}
}

// TestFiguresAreInSight checks that most of each figure is within the image, and enough of
// it for a person to recognise it.
func TestFiguresAreInSight(t *testing.T) {
	for i := range 3000 {
		f := drawScene(newDice(1, splitTrain, uint64(i), purposeScene), i%10).figure
		var inside, all float32
		for y := -10; y < side+10; y++ {
			for x := -10; x < side+10; x++ {
				cover := clamp(f.depth(point{float32(x) + 0.5, float32(y) + 0.5}))
				all += cover
				if x >= 0 && x < side && y >= 0 && y < side {
					inside += cover
				}
			}
		}
		if inside < 30 || inside < 0.85*all {
			t.Errorf("image %d, a %s: %.0f of %.0f pixels in sight", i, shapes[f.shape].name, inside, all)
		}
	}
}

// TestNoiseHasItsDeviation measures the noise on a flat grey ground.
func TestNoiseHasItsDeviation(t *testing.T) {
	s := &scene{noise: 10, dice: newDice(1, 2, 3, 4)}
	set := &dataset.Set{Name: "noise", Classes: Classes(), Height: 100, Width: 100, Pixels: make([]uint8, 3*100*100), Labels: []int32{0}}
	s.store(set.Pixels, slices.Repeat([]colour{{128, 128, 128}}, 100*100))
	stats := set.Stats()
	for c := range channels {
		if got := 255 * stats.Deviation[c]; got < 9.7 || got > 10.3 {
			t.Errorf("channel %d: deviation %.2f, want 10", c, got)
		}
		if got := 255 * stats.Mean[c]; got < 127.6 || got > 128.4 {
			t.Errorf("channel %d: mean %.2f, want 128", c, got)
		}
	}
}

func TestSyntheticRefusesNegativeCounts(t *testing.T) {
	if _, _, err := Draw(context.Background(), 1, -1, 0); err == nil {
		t.Error("-1 images drawn")
	}
}

// TestPaintsStayBetweenTheirColours checks every pattern at every pixel.
func TestPaintsStayBetweenTheirColours(t *testing.T) {
	seen := map[pattern]bool{}
	for i := range 100 {
		p := newDice(1, 1, uint64(i), 9).paint(colour{50, 100, 150}, 60)
		seen[p.pattern] = true
		first, varied := p.at(point{0.5, 0.5}), false
		for k := range side * side {
			c := p.at(point{float32(k%side) + 0.5, float32(k/side) + 0.5})
			varied = varied || c != first
			for _, channel := range [][3]float32{
				{c.red, p.from.red, p.to.red},
				{c.green, p.from.green, p.to.green},
				{c.blue, p.from.blue, p.to.blue},
			} {
				low, high := min(channel[1], channel[2]), max(channel[1], channel[2])
				if channel[0] < low-0.01 || channel[0] > high+0.01 {
					t.Fatalf("pattern %d: %v is not between %v and %v", p.pattern, c, p.from, p.to)
				}
			}
		}
		if varied != (p.pattern != flat) {
			t.Errorf("pattern %d varies: %v", p.pattern, varied)
		}
	}
	if len(seen) != int(patterns) {
		t.Errorf("%d of %d patterns are used", len(seen), patterns)
	}
}

// TestSceneShowsItsFigure renders a figure without noise, and checks that its colour is in
// the middle and that of the ground in the corner.
func TestSceneShowsItsFigure(t *testing.T) {
	s := &scene{
		ground: paint{from: colour{10, 20, 30}}, fill: paint{from: colour{200, 150, 100}},
		figure: figure{centre: point{16, 16}, way: point{1, 0}, scale: point{8, 8}, softness: 1},
		dice:   newDice(1, 1, 1, 1),
	}
	pixels := make([]uint8, imageBytes)
	s.render(pixels)
	if got := pixels[:3]; !bytes.Equal(got, []uint8{10, 20, 30}) {
		t.Errorf("corner is %v", got)
	}
	if middle := 3 * (16*side + 16); !bytes.Equal(pixels[middle:middle+3], []uint8{200, 150, 100}) {
		t.Errorf("middle is %v", pixels[middle:middle+3])
	}
}

func BenchmarkSynthetic(b *testing.B) {
	const n = 1000
	for b.Loop() {
		synthetic(b, Seed, n, 0)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "images/s")
}

func TestLoadMoreThanThereAre(t *testing.T) {
	_, err := Load(t.Context(), "", dataset.Limits{Train: Train + 1}, dataset.Train)
	datatest.CheckFault(t, err, dataset.NoRecord, "50001", "use --set data.train=50000, or 0 for all")
}

func TestLoadStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Load(ctx, "", dataset.Limits{}, dataset.Train); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

// TestLoadFiles checks that the set is the same when it was written and read, including its
// name.
func TestLoadFiles(t *testing.T) {
	train, validation := synthetic(t, 3, 13, 4)
	dir := t.TempDir()
	if err := cifar.Write(dir, train, validation); err != nil {
		t.Fatal(err)
	}
	splits, err := Load(t.Context(), dir, dataset.Limits{Validation: 2}, dataset.Train, dataset.Validation)
	if err != nil {
		t.Fatal(err)
	}
	if splits.Train.Hash() != train.Hash() || splits.Validation.Hash() != validation.Head(2).Hash() || splits.Train.Name != Name {
		t.Error("what is read differs from what was written")
	}
	_, err = Load(t.Context(), t.TempDir(), dataset.Limits{}, dataset.Train)
	datatest.CheckFault(t, err, dataset.NoRecord, "read", "write the files with 'pipeline data synth --out DIR', then use --set data.path=DIR")
}
