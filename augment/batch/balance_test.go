package batch

import (
	"bytes"
	"slices"
	"testing"
)

// labelled is a source with labels of its own.
type labelled struct {
	*images
	labels []int32
}

func (s labelled) Label(i int) int32 { return s.labels[i] }

// uneven has 14 images of the class 3, 5 of the class 0 and 2 of the class 7.
func uneven() labelled {
	s := labelled{newImages(21, 6, 6), nil}
	for i := range 21 {
		s.labels = append(s.labels, map[bool]int32{true: 3, false: 0}[i%3 != 0])
	}
	s.labels[0], s.labels[9] = 7, 7
	return s
}

// TestBalancedEpochs: every class is drawn equally often. Within a class, every image is drawn
// equally often, or some once more than others.
func TestBalancedEpochs(t *testing.T) {
	s := uneven()
	o := newOrder(s, LoaderOptions{Seed: 4, Balance: true})
	var before []pick
	left := map[int32]bool{}
	for epoch := range uint64(30) {
		picks := slices.Clone(o.epoch(epoch))
		classes, copies := map[int32]int{}, map[int32]int{}
		for _, p := range picks {
			classes[s.labels[p.image]]++
			if int(p.copy) >= 7 || slices.Contains(picks[:slices.Index(picks, p)], p) {
				t.Fatalf("epoch %d: copy %d of image %d, or twice", epoch, p.copy, p.image)
			}
			copies[p.image]++
		}
		for _, class := range []int32{0, 3, 7} {
			if classes[class] != 7 {
				t.Errorf("epoch %d: %d images of class %d, want 7", epoch, classes[class], class)
			}
		}
		for i := range int32(21) {
			least := map[int32]int{0: 1, 3: 0, 7: 3}[s.labels[i]]
			if copies[i] != least && copies[i] != least+1 {
				t.Errorf("epoch %d: image %d comes %d times, want %d or once more", epoch, i, copies[i], least)
			}
			left[i] = left[i] || copies[i] == least
		}
		if slices.Equal(picks, before) {
			t.Errorf("epochs %d and %d have the same order", epoch-1, epoch)
		}
		before = picks
	}
	for i := range int32(21) {
		if !left[i] {
			t.Errorf("image %d comes once more in all of 30 epochs", i)
		}
	}
}

// TestBalancedRemainder: 20 images of three classes are divided into 7, 7 and 6. Over the
// epochs, each class sometimes gets only 6.
func TestBalancedRemainder(t *testing.T) {
	s := uneven()
	s.pixels, s.labels = s.pixels[:20], s.labels[:20]
	o := newOrder(s, LoaderOptions{Seed: 4, Balance: true})
	fewer := map[int32]int{}
	for epoch := range uint64(30) {
		counts := map[int32]int{}
		for _, p := range o.epoch(epoch) {
			counts[s.labels[p.image]]++
		}
		for class, n := range counts {
			if n == 6 {
				fewer[class]++
			}
		}
		if len(counts) != 3 || counts[0]+counts[3]+counts[7] != 20 || max(counts[0], counts[3], counts[7]) != 7 {
			t.Errorf("epoch %d: %v", epoch, counts)
		}
	}
	if len(fewer) != 3 {
		t.Errorf("classes with one fewer: %v times of 30", fewer)
	}
}

// TestBalancedLoader: batches are the same for any number of workers and any first step, the
// first copy of an image is changed by its plan, and every other copy in another way.
func TestBalancedLoader(t *testing.T) {
	s := uneven()
	o := LoaderOptions{Seed: 4, BatchSize: 7, Recipe: strong(t), Workers: 1, Balance: true}
	want, labels := read(t, s, o, 9)
	o.Workers = 8
	if got, _ := read(t, s, o, 9); !equalBatches(got, want) {
		t.Error("other workers make other batches")
	}
	o.Epoch, o.Step = 1, 2
	got, others := read(t, s, o, 4)
	if !equalBatches(got, want[5:]) || !slices.EqualFunc(others, labels[5:], slices.Equal) {
		t.Error("other batches from epoch 1, step 2 on")
	}
	seen := map[string]bool{}
	picks := slices.Clone(newOrder(s, o).epoch(0))
	for i, p := range picks {
		image := want[i/7][i%7*108 : (i%7+1)*108]
		if p.copy == 0 {
			plan := o.Recipe.PlanFor(4, 0, int(p.image), 6, 6)
			out := make([]uint8, 108)
			if err := plan.Apply(out, s.Image(int(p.image)), 6, 6); err != nil || !bytes.Equal(out, image) {
				t.Errorf("image %d is not changed by its plan, %v", p.image, err)
			}
		}
		if seen[string(image)] {
			t.Errorf("copy %d of image %d is changed as one before", p.copy, p.image)
		}
		seen[string(image)] = true
	}
}
