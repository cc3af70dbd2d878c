package batch

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/internal/npz"
)

// TestMixAgreesWithTorchvision compares the boxes of CutMix, and batches mixed by mixup and
// by CutMix, with torchvision's.
func TestMixAgreesWithTorchvision(t *testing.T) {
	a, err := npz.Read(filepath.Join("testdata", "mix.npz"))
	if err != nil {
		t.Fatal(err)
	}
	draws, boxes := a["draws"].Float64(), a["boxes"].Float64()
	for i := 0; i < len(draws); i += 5 {
		d, b := draws[i:i+5], boxes[i:i+5]
		got := pasted(d[2], int(d[3]), int(d[4]), int(d[0]), int(d[1]))
		left, top, right, bottom := int(b[0]), int(b[1]), int(b[2]), int(b[3])
		want := Mix{Share: got.Share, Pastes: true, Row: top, Column: left, Height: bottom - top, Width: right - left}
		if got != want || math.Abs(got.Share-b[4]) > 1e-12 || got.Share < 0.5 {
			t.Errorf("of %v: %+v, want %+v with the share %v", d, got, want, b[4])
		}
	}
	const height, width, size = 6, 9, 6 * 9 * 3
	images := a["images"].Uint8()
	mixed := func(i int, x Mix) []uint8 {
		out, other := slices.Clone(images[i*size:(i+1)*size]), (i+4)%5
		if err := x.Apply(out, images[other*size:(other+1)*size], height, width); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for s, share := range a["shares"].Float64() {
		want := a["mixup/"+string(rune('0'+s))].Float64()
		for i := range 5 {
			for at, got := range mixed(i, Mix{Share: share}) {
				if math.Abs(float64(got)-want[i*size+at]) > 0.5+1e-2 {
					t.Fatalf("share %v, image %d: byte %d is %d, want %v", share, i, at, got, want[i*size+at])
				}
			}
		}
	}
	for i := range 5 {
		if got := mixed(i, pasted(0.6, 3, 7, height, width)); !slices.Equal(got, a["cutmix"].Uint8()[i*size:(i+1)*size]) {
			t.Errorf("cut and mixed image %d differs", i)
		}
	}
}

// TestMixesAreDrawn: the shares of mixup have the mean and the mean square of the larger of x
// and 1-x, where x is drawn from Beta(alpha, alpha), and mixup and CutMix are equally likely.
func TestMixesAreDrawn(t *testing.T) {
	const n = 20_000
	rng := rand.New(rand.NewPCG(1, 2))
	// For Beta(1, 1) the larger share is uniform in 0.5..1. For Beta(1/2, 1/2) it has the mean
	// 1/2 + 1/π and the mean square 1/8 + 1/4 + 1/π.
	for alpha, want := range map[float64][2]float64{1: {0.75, 7. / 12}, 0.5: {0.5 + 1/math.Pi, 0.375 + 1/math.Pi}} {
		var sum, squares float64
		for range n {
			x := Mixing{Mixup: alpha}.Draw(rng, 8, 8)
			if x.Pastes || !(x.Share >= 0.5 && x.Share <= 1) {
				t.Fatalf("alpha %v: %+v", alpha, x)
			}
			sum, squares = sum+x.Share, squares+x.Share*x.Share
		}
		if math.Abs(sum/n-want[0]) > 0.005 || math.Abs(squares/n-want[1]) > 0.007 {
			t.Errorf("alpha %v: mean %v and mean square %v, want %v", alpha, sum/n, squares/n, want)
		}
	}
	pastes := 0
	for range n {
		if (Mixing{Mixup: 0.2, CutMix: 1}).Draw(rng, 8, 8).Pastes {
			pastes++
		}
	}
	if pastes < n/2-300 || pastes > n/2+300 {
		t.Errorf("%d of %d images are cut and mixed", pastes, n)
	}
	for range n { // both gamma variates are 0, and their ratio is NaN
		if x := (Mixing{Mixup: 1e-300}).Draw(rng, 8, 8); x.Share != 1 {
			t.Fatalf("alpha 1e-300: %+v", x)
		}
	}
}

// TestMixedLoader: applying the mixes that are drawn to batches that are not mixed gives the
// loader's batches and labels, for any number of workers and any first step.
func TestMixedLoader(t *testing.T) {
	source := newImages(30, 7, 5)
	const size, batch = 7 * 5 * 3, 6
	o := LoaderOptions{Seed: 3, BatchSize: batch, Recipe: strong(t), Workers: 1}
	whole, labels := read(t, source, o, 10)
	o.Mixing = Mixing{Mixup: 0.4, CutMix: 1}
	mixes := 0
	for _, workers := range []int{1, 4} {
		o.Workers = workers
		for _, first := range []int{0, 7} {
			o.Epoch, o.Step = first/5, first%5
			l, err := NewLoader(source, o)
			if err != nil {
				t.Fatal(err)
			}
			for step := first; step < 10; step++ {
				images, own, second, shares := make([]uint8, batch*size), make([]int64, batch), make([]int64, batch), make([]float32, batch)
				if _, err := l.NextMixed(t.Context(), images, own, second, shares); err != nil {
					t.Fatal(err)
				}
				picks := newOrder(source, o).epoch(uint64(step / 5))[step%5*batch:]
				for i := range batch {
					before := (i + batch - 1) % batch
					x := l.draw(uint64(step/5), picks[i])
					want := slices.Clone(whole[step][i*size : (i+1)*size])
					if err := x.Apply(want, whole[step][before*size:(before+1)*size], 7, 5); err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(images[i*size:(i+1)*size], want) || own[i] != labels[step][i] || second[i] != labels[step][before] || shares[i] != float32(x.Share) {
						t.Errorf("%d workers, step %d: image %d is not mixed by %+v", workers, step, i, x)
					}
					if x.Share < 1 {
						mixes++
					}
				}
			}
			l.Close()
		}
	}
	if mixes < 100 {
		t.Errorf("%d images are mixed of 156", mixes)
	}
}

// TestMixMistakes: mixes out of range are errors, and Next does not read mixed batches.
func TestMixMistakes(t *testing.T) {
	source := newImages(6, 4, 4)
	for want, m := range map[string]Mixing{
		"augment.mixup: -1 is outside 0..100":   {Mixup: -1},
		"augment.cutmix: NaN is outside 0..100": {CutMix: math.NaN()},
	} {
		if _, err := NewLoader(source, LoaderOptions{BatchSize: 2, Mixing: m}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	l, err := NewLoader(source, LoaderOptions{BatchSize: 2, Mixing: Mixing{CutMix: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	images, labels := make([]uint8, 2*48), make([]int64, 2)
	if _, err := l.Next(t.Context(), images, labels); err == nil || !strings.Contains(err.Error(), "NextMixed") {
		t.Errorf("error %v", err)
	}
	if _, err := l.NextMixed(t.Context(), images, labels, labels[:1], nil); err == nil || !strings.Contains(err.Error(), "got 1 and 0") {
		t.Errorf("error %v", err)
	}
	for _, x := range []Mix{{Share: 1.1}, {Share: math.NaN()}, {Share: 1, Pastes: true, Row: 3, Height: 2}, {Share: 1, Column: -1}} {
		if err := x.Apply(images[:48], images[48:], 4, 4); err == nil {
			t.Errorf("%+v was applied", x)
		}
	}
	plain, err := NewLoader(source, LoaderOptions{BatchSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	second, shares := make([]int64, 2), make([]float32, 2)
	if _, err := plain.NextMixed(t.Context(), images, labels, second, shares); err != nil || !slices.Equal(second, labels) || shares[0] != 1 {
		t.Errorf("batches that are not mixed: second labels %v of %v, shares %v, error %v", second, labels, shares, err)
	}
}
