package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"

	"github.com/spf13/cobra"

	"onnxlab/augment"
	"onnxlab/pipeline/internal/cli"
)

// imageBench are the flags of commands that measure a recipe on random images.
type imageBench struct {
	recipe   string
	geometry string
	size     cli.ImageSize
	seconds  float64
	workers  int
	json     bool
}

// add adds the flags. workers and help are the default and the help of --workers.
func (b *imageBench) add(cmd *cobra.Command, workers int, help string) {
	flags := cmd.Flags()
	flags.StringVar(&b.recipe, "recipe", "strong", "none, shift, medium, strong or photo")
	flags.StringVar(&b.geometry, "geometry", "keras-2018", "keras-2018 or keras-3")
	b.size.Add(flags)
	flags.Float64Var(&b.seconds, "seconds", 2, "how long to measure")
	flags.IntVar(&b.workers, "workers", workers, help)
	flags.BoolVar(&b.json, "json", false, "print JSON")
}

// prepare checks the flags, gives workers its default, and returns the recipe and
// the images that it is applied to.
func (b *imageBench) prepare() (*augment.Recipe, *randomSet, error) {
	const mostWorkers = 1024
	if err := checkSeconds(b.seconds); err != nil {
		return nil, nil, err
	}
	if b.workers < 0 || b.workers > mostWorkers {
		return nil, nil, cli.BadUsagef("--workers: %d is outside 0..%d", b.workers, mostWorkers)
	}
	if b.workers == 0 {
		b.workers = runtime.GOMAXPROCS(0)
	}
	recipe, err := augment.NewRecipe(b.recipe, b.geometry)
	if err != nil {
		return nil, nil, cli.BadUsage(err)
	}
	return recipe, randomImages(b.size.Height, b.size.Width), nil
}

// checkSeconds checks the flag --seconds.
func checkSeconds(seconds float64) error {
	const most = 3600
	if !(seconds > 0 && seconds <= most) {
		return cli.BadUsagef("--seconds: %v is outside 0..%d, 0 excluded", seconds, most)
	}
	return nil
}

// throughput is the result of a measurement of images.
type throughput struct {
	Recipe          string  `json:"recipe"`
	Height          int     `json:"height"`
	Width           int     `json:"width"`
	Workers         int     `json:"workers"`
	Images          int64   `json:"images"`
	Seconds         float64 `json:"seconds"`
	ImagesPerSecond float64 `json:"images_per_second"`
}

// print prints how many images were made in the seconds. how is a part of the line that
// says more about the measurement; JSON does not have it.
func (b *imageBench) print(w io.Writer, how string, images int64, seconds float64) error {
	r := throughput{b.recipe, b.size.Height, b.size.Width, b.workers, images, seconds, float64(images) / seconds}
	if b.json {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintf(w, "%s %dx%d, %s%d workers: %.0f images/s (%d in %.2f s)\n",
		r.Recipe, r.Height, r.Width, how, r.Workers, r.ImagesPerSecond, images, seconds)
	return err
}

// randomSet is a set of images for measurements.
type randomSet struct {
	pixels        []uint8
	height, width int
}

// randomImages makes 32 MB of images of noise, but at least two images.
func randomImages(height, width int) *randomSet {
	const room = 32 << 20 // more than fits into caches, and more than the study's largest batch
	size := height * width * 3
	rng := rand.New(rand.NewPCG(1, 2))
	s := &randomSet{make([]uint8, max(room/size, 2)*size), height, width}
	for i := range s.pixels {
		s.pixels[i] = uint8(rng.Uint32())
	}
	return s
}

func (s *randomSet) Len() int                  { return len(s.pixels) / (s.height * s.width * 3) }
func (s *randomSet) Size() (height, width int) { return s.height, s.width }
func (s *randomSet) Label(i int) int32         { return int32(i % 10) }

func (s *randomSet) Image(i int) []uint8 {
	size := s.height * s.width * 3
	return s.pixels[i*size : (i+1)*size]
}
