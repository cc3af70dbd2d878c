package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/pipeline/internal/cli"
)

// somePredictions returns n predictions of two classes for files with awkward names.
func somePredictions(n int) []prediction {
	all := make([]prediction, n)
	for i := range all {
		all[i] = prediction{
			Image: fmt.Sprintf("ä, %d \"ö\"\n <ü>.png", i),
			Top:   []rank{{"dog", 1, float64(float32(0.7))}, {"cat, wild", 0, 0.25}},
		}
	}
	return all
}

// writePredictions writes the predictions in pieces of 3, as to the command's output, and
// returns what was written.
func writePredictions(t *testing.T, o *predictOptions, predictions []prediction) string {
	t.Helper()
	var b bytes.Buffer
	w := newPredictionWriter(o, cli.NewPrintable(&b), 2)
	for piece := range slices.Chunk(predictions, 3) {
		if err := w.write(piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestJSONPredictions: writing predictions piece by piece gives the same JSON as writing
// them at once.
func TestJSONPredictions(t *testing.T) {
	for _, n := range []int{0, 1, 3, 7} {
		var want bytes.Buffer
		if err := cli.PrintJSON(&want, somePredictions(n)); err != nil {
			t.Fatal(err)
		}
		if got := writePredictions(t, &predictOptions{json: true}, somePredictions(n)); got != want.String() {
			t.Errorf("%d predictions: %s\nwant %s", n, got, &want)
		}
	}
}

// TestCSVPredictions reads back what was written, which has a header even if there are no
// predictions.
func TestCSVPredictions(t *testing.T) {
	for _, n := range []int{0, 1, 3, 7} {
		want := [][]string{{"file", "class", "probability", "class_2", "probability_2"}}
		for _, p := range somePredictions(n) {
			want = append(want, []string{p.Image, "dog", "0.7", "cat, wild", "0.25"})
		}
		text := writePredictions(t, &predictOptions{csv: true, top: 3}, somePredictions(n))
		got, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%d predictions: %q, %v, want %q", n, got, err, want)
		}
	}
	// Characters stay intact however many there are.
	long := []prediction{{Image: strings.Repeat("ä", 5000), Top: []rank{{"a", 0, 1}}}}
	if text := writePredictions(t, &predictOptions{csv: true, top: 1}, long); !strings.HasSuffix(text, "\n"+long[0].Image+",a,1\n") {
		t.Errorf("a long name becomes %.40q", text)
	}
}

// half predicts two equally likely classes.
type half struct{}

func (half) Predict(_ context.Context, images []uint8) (logits, probabilities []float32, err error) {
	n := 2 * len(images) / 3
	return make([]float32, n), slices.Repeat([]float32{0.5}, n), nil
}

// counting counts the images that have been found when predictions are written.
type counting struct {
	p              *predicting
	known, written []int
}

func (c *counting) write(predictions []prediction) error {
	c.known, c.written = append(c.known, c.p.images), append(c.written, len(predictions))
	return nil
}

func (*counting) end() error { return nil }

// TestPredictStreams: images are classified while others are still being searched for.
func TestPredictStreams(t *testing.T) {
	dir := t.TempDir()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	for i := range 230 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), picture.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := &cli.Classifier{Predictor: half{}, Signature: onnxmodels.Signature{Height: 1, Width: 1, Classes: []string{"a", "b"}}}
	p := &predicting{Classifier: c, opts: &predictOptions{top: 1, memory: 1}, stderr: io.Discard}
	out := &counting{p: p}
	p.out = out
	if err := p.take(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := p.end(p.flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out.written, []int{100, 100, 30}) || !slices.Equal(out.known, []int{100, 200, 230}) {
		t.Errorf("%d images were classified when %d had been found", out.written, out.known)
	}
}
