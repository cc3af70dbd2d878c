package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onnxlab/augment"
)

// images is a source of random images whose labels are their indices.
type images struct {
	height, width int
	pixels        [][]uint8
}

func newImages(count, height, width int) *images {
	s := &images{height: height, width: width}
	for i := range count {
		s.pixels = append(s.pixels, noise(uint64(i), height, width))
	}
	return s
}

// noise is a random image of height·width pixels.
func noise(seed uint64, height, width int) []uint8 {
	rng := rand.New(rand.NewPCG(seed, 1))
	pixels := make([]uint8, height*width*3)
	for i := range pixels {
		pixels[i] = uint8(rng.Uint32())
	}
	return pixels
}

func (s *images) Len() int                  { return len(s.pixels) }
func (s *images) Size() (height, width int) { return s.height, s.width }
func (s *images) Image(i int) []uint8       { return s.pixels[i] }
func (s *images) Label(i int) int32         { return int32(i) }

func strong(t testing.TB) *augment.Recipe {
	t.Helper()
	recipe, err := augment.NewRecipe("strong", "keras-2018")
	if err != nil {
		t.Fatal(err)
	}
	return recipe
}

// read returns the next batches of a new loader: pixels and labels.
func read(t *testing.T, source Source, o LoaderOptions, batches int) (pixels [][]uint8, labels [][]int64) {
	t.Helper()
	l, err := NewLoader(source, o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	height, width := source.Size()
	for range batches {
		p, n := make([]uint8, o.BatchSize*height*width*3), make([]int64, o.BatchSize)
		if _, err := l.Next(t.Context(), p, n); err != nil {
			t.Fatal(err)
		}
		pixels, labels = append(pixels, p), append(labels, n)
	}
	return pixels, labels
}

func equalBatches(a, b [][]uint8) bool { return slices.EqualFunc(a, b, bytes.Equal) }

func TestLoaderIsTheSameForAnyWorkers(t *testing.T) {
	source := newImages(100, 9, 14)
	o := LoaderOptions{Seed: 7, BatchSize: 24, Recipe: strong(t), Workers: 1, Prefetch: 1}
	want, wantLabels := read(t, source, o, 10)
	for _, processors := range []int{1, 2} {
		for _, workers := range []int{0, 1, 2, 8} {
			for _, prefetch := range []int{0, 1, 5} {
				previous := runtime.GOMAXPROCS(processors)
				o.Workers, o.Prefetch = workers, prefetch
				got, labels := read(t, source, o, 10)
				runtime.GOMAXPROCS(previous)
				if !equalBatches(got, want) || !slices.EqualFunc(labels, wantLabels, slices.Equal) {
					t.Errorf("GOMAXPROCS %d, %d workers, prefetch %d: other batches than one worker", processors, workers, prefetch)
				}
			}
		}
	}
}

func TestLoaderStartsAtAnyStep(t *testing.T) {
	source := newImages(50, 8, 8)
	o := LoaderOptions{Seed: 7, BatchSize: 16, Recipe: strong(t), Workers: 2}
	want, wantLabels := read(t, source, o, 9)
	for skip := range 9 {
		o.Epoch, o.Step = skip/3, skip%3
		got, labels := read(t, source, o, 9-skip)
		if !equalBatches(got, want[skip:]) || !slices.EqualFunc(labels, wantLabels[skip:], slices.Equal) {
			t.Errorf("from epoch %d step %d: other batches than from the start", o.Epoch, o.Step)
		}
	}
}

func TestEpochsAreOrderedAndDrawnAnew(t *testing.T) {
	source := newImages(40, 8, 8)
	pixels, labels := read(t, source, LoaderOptions{Seed: 7, BatchSize: 40, Recipe: strong(t)}, 2)
	if slices.Equal(labels[0], labels[1]) {
		t.Error("epochs 0 and 1 have the same order")
	}
	for position, label := range labels[0] {
		other := slices.Index(labels[1], label)
		if other < 0 {
			t.Fatalf("image %d is missing in epoch 1", label)
		}
		a, b := pixels[0][position*192:][:192], pixels[1][other*192:][:192]
		if bytes.Equal(a, b) {
			t.Errorf("image %d is the same in epochs 0 and 1", label)
		}
	}
}

// No image comes twice in the batches of an epoch, images that fill no batch are
// dropped, and over many epochs every image comes at some time.
func TestDropsTheIncompleteBatch(t *testing.T) {
	source := newImages(10, 4, 4)
	_, labels := read(t, source, LoaderOptions{Seed: 1, BatchSize: 4}, 2*30)
	turns := map[int64]int{}
	for epoch := range 30 {
		seen := map[int64]bool{}
		for _, label := range slices.Concat(labels[2*epoch], labels[2*epoch+1]) {
			if seen[label] {
				t.Fatalf("epoch %d has image %d twice", epoch, label)
			}
			seen[label] = true
			turns[label]++
		}
	}
	if len(turns) != 10 {
		t.Errorf("%d of 10 images had a turn in 30 epochs", len(turns))
	}
}

// The loader gives out images in the order of Order, changed by the plans of PlanFor.
func TestLoaderFollowsOrderAndPlanFor(t *testing.T) {
	source, recipe := newImages(20, 11, 6), strong(t)
	pixels, labels := read(t, source, LoaderOptions{Seed: 5, BatchSize: 20, Recipe: recipe}, 3)
	for epoch := range uint64(3) {
		for position, index := range Order(20, 5, epoch) {
			if labels[epoch][position] != int64(index) {
				t.Fatalf("epoch %d position %d: image %d, Order says %d", epoch, position, labels[epoch][position], index)
			}
			plan, want := recipe.PlanFor(5, epoch, int(index), 11, 6), make([]uint8, 198)
			if err := plan.Apply(want, source.Image(int(index)), 11, 6); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(pixels[epoch][position*198:][:198], want) {
				t.Errorf("epoch %d image %d: not what PlanFor says", epoch, index)
			}
		}
	}
}

func TestLoaderWithoutRecipeCopies(t *testing.T) {
	source := newImages(8, 5, 3)
	pixels, labels := read(t, source, LoaderOptions{BatchSize: 8}, 1)
	for position, label := range labels[0] {
		if !bytes.Equal(pixels[0][position*45:][:45], source.Image(int(label))) {
			t.Errorf("image %d was changed", label)
		}
	}
}

func TestLoaderRefusesOptions(t *testing.T) {
	source := newImages(10, 4, 4)
	for want, o := range map[string]LoaderOptions{
		"train.batch_size: 11 is more than the 10 images": {BatchSize: 11},
		"train.batch_size: 0 is below 1":                  {},
		"workers: -1 is below 0":                          {BatchSize: 1, Workers: -1},
		"prefetch: -1 is below 0":                         {BatchSize: 1, Prefetch: -1},
		"epoch: -1 is below 0":                            {BatchSize: 1, Epoch: -1},
		"step: 3 is outside 0..2":                         {BatchSize: 3, Step: 3},
	} {
		if _, err := NewLoader(source, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestNextRefusesOtherSizes(t *testing.T) {
	l, err := NewLoader(newImages(10, 4, 4), LoaderOptions{BatchSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Next(t.Context(), make([]uint8, 95), make([]int64, 2)); err == nil || !strings.Contains(err.Error(), "96 bytes and 2 labels, got 95 and 2") {
		t.Errorf("error %v", err)
	}
}

// TestSourceThatIsNotWhatItSays: if an image has another size than the source says,
// reading its batch fails. If the size is negative, NewLoader fails.
func TestSourceThatIsNotWhatItSays(t *testing.T) {
	source := newImages(4, 4, 4)
	source.pixels[3] = source.pixels[3][:7]
	for _, recipe := range []*augment.Recipe{nil, strong(t)} {
		l, err := NewLoader(source, LoaderOptions{BatchSize: 4, Recipe: recipe})
		if err != nil {
			t.Fatal(err)
		}
		const want = "read batch: image 3 of the source has 7 bytes, want the 48 of 4x4x3"
		for range 3 { // each epoch has it
			if _, err := l.Next(t.Context(), make([]uint8, 4*48), make([]int64, 4)); err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		}
		l.Close()
	}
	source.height = -4
	if _, err := NewLoader(source, LoaderOptions{BatchSize: 4}); err == nil || !strings.Contains(err.Error(), "a side is outside") {
		t.Errorf("error %v", err)
	}
}

// stuck is a source that blocks until the test releases it.
type stuck struct {
	*images
	gate chan struct{}
}

func (s stuck) Image(i int) []uint8 {
	<-s.gate
	return s.images.Image(i)
}

func TestCancellationLosesNoBatch(t *testing.T) {
	source := stuck{newImages(12, 4, 4), make(chan struct{})}
	o := LoaderOptions{Seed: 3, BatchSize: 4, Workers: 2}
	want, _ := read(t, source.images, o, 1)
	l, err := NewLoader(source, o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pixels, labels := make([]uint8, 4*48), make([]int64, 4)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	wait, err := l.Next(ctx, pixels, labels)
	if !errors.Is(err, context.DeadlineExceeded) || wait <= 0 {
		t.Errorf("waited %v, error %v; want some time and the context's error", wait, err)
	}
	close(source.gate)
	if _, err := l.Next(t.Context(), pixels, labels); err != nil || !bytes.Equal(pixels, want[0]) {
		t.Errorf("error %v, the first batch after cancellation differs: %v", err, !bytes.Equal(pixels, want[0]))
	}
}

// TestCloseEndsAllGoroutines: after Close no goroutine of the loader is left. synctest's
// bubble fails the test unless all of them return.
func TestCloseEndsAllGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stacks := make([]byte, 1<<20)
		for i := range 20 {
			l, err := NewLoader(newImages(64, 16, 16), LoaderOptions{BatchSize: 32, Recipe: strong(t), Workers: 1 + i%8})
			if err != nil {
				t.Fatal(err)
			}
			pixels, labels := make([]uint8, 32*768), make([]int64, 32)
			ctx, cancel := context.WithCancel(t.Context())
			for range i {
				if _, err := l.Next(ctx, pixels, labels); err != nil {
					t.Fatal(err)
				}
			}
			cancel()
			l.Close()
			if text := stacks[:runtime.Stack(stacks, true)]; bytes.Contains(text, []byte("batch.(*Loader)")) {
				t.Fatalf("after Close some work:\n%s", text)
			}
			l.Close()
			if _, err := l.Next(t.Context(), pixels, labels); !errors.Is(err, ErrClosed) {
				t.Errorf("error %v after Close, want ErrClosed", err)
			}
		}
	})
}

func TestLoaderDoesNotAllocateInTheSteadyState(t *testing.T) {
	l, err := NewLoader(newImages(64, 32, 32), LoaderOptions{BatchSize: 32, Recipe: strong(t), Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pixels, labels := make([]uint8, 32*3072), make([]int64, 32)
	next := func() {
		if _, err := l.Next(context.Background(), pixels, labels); err != nil {
			t.Error(err)
		}
	}
	for range 20 { // until the workers and the runtime have allocated what they reuse
		next()
	}
	if n := testing.AllocsPerRun(50, next); n != 0 {
		t.Errorf("a batch allocates %v times", n)
	}
}

func BenchmarkLoader(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("strong/workers=%d", workers), func(b *testing.B) {
			l, err := NewLoader(newImages(1024, 32, 32), LoaderOptions{BatchSize: 128, Recipe: strong(b), Workers: workers})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			pixels, labels := make([]uint8, 128*3072), make([]int64, 128)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.Next(b.Context(), pixels, labels); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(128*b.N)/b.Elapsed().Seconds(), "images/s")
		})
	}
}
