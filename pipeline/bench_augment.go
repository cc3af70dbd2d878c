package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"onnxlab/augment"
)

type benchAugmentOptions struct {
	recipe   string
	geometry string
	size     imageSize
	seconds  float64
	workers  int
	json     bool
}

func newBenchAugmentCommand() *cobra.Command {
	var opts benchAugmentOptions
	cmd := &cobra.Command{
		Use:   "augment",
		Short: "Measure how many images a second a recipe augments",
		Long: `Draw plans and apply them to random images, which are in memory, without
shuffling and batching ('pipeline bench load' measures those as well).
` + exitHelp,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBenchAugment(cmd.Context(), &opts, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.recipe, "recipe", "strong", "none, shift, medium or strong")
	flags.StringVar(&opts.geometry, "geometry", "keras-2018", "keras-2018 or keras-3")
	opts.size.add(flags)
	flags.Float64Var(&opts.seconds, "seconds", 2, "how long to measure")
	flags.IntVar(&opts.workers, "workers", 1, "images to make at the same time; 0 is the number of cores")
	flags.BoolVar(&opts.json, "json", false, "print JSON")
	return cmd
}

// throughput is what a measurement of images found.
type throughput struct {
	Recipe          string  `json:"recipe"`
	Height          int     `json:"height"`
	Width           int     `json:"width"`
	Workers         int     `json:"workers"`
	Images          int64   `json:"images"`
	Seconds         float64 `json:"seconds"`
	ImagesPerSecond float64 `json:"images_per_second"`
}

// checkBench checks the flags that both measurements have, and gives workers
// its default.
func checkBench(seconds float64, workers *int) error {
	const mostSeconds, mostWorkers = 3600, 1024
	if !(seconds > 0 && seconds <= mostSeconds) {
		return &usageError{fmt.Errorf("--seconds: %v is outside 0..%d, 0 excluded", seconds, mostSeconds)}
	}
	if *workers < 0 || *workers > mostWorkers {
		return &usageError{fmt.Errorf("--workers: %d is outside 0..%d", *workers, mostWorkers)}
	}
	if *workers == 0 {
		*workers = runtime.GOMAXPROCS(0)
	}
	return nil
}

// benchImages returns the recipe that both measurements apply, and the images
// that they apply it to.
func benchImages(size imageSize, recipe, geometry string) (*augment.Recipe, *randomSet, error) {
	r, err := augment.NewRecipe(recipe, geometry)
	if err != nil {
		return nil, nil, &usageError{err}
	}
	return r, randomImages(size.height, size.width), nil
}

func runBenchAugment(ctx context.Context, opts *benchAugmentOptions, stdout io.Writer) error {
	if err := checkBench(opts.seconds, &opts.workers); err != nil {
		return err
	}
	recipe, set, err := benchImages(opts.size, opts.recipe, opts.geometry)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(opts.seconds*float64(time.Second)))
	defer cancel()
	start := time.Now()
	images := augmentUntil(ctx, recipe, set, opts.workers)
	seconds := time.Since(start).Seconds()
	if err := ctx.Err(); err != context.DeadlineExceeded {
		return err // interrupted
	}
	result := throughput{opts.recipe, set.height, set.width, opts.workers, images, seconds, float64(images) / seconds}
	if opts.json {
		return json.NewEncoder(stdout).Encode(result)
	}
	_, err = fmt.Fprintf(stdout, "%s %dx%d, %d workers: %.0f images/s (%d in %.2f s)\n",
		result.Recipe, set.height, set.width, result.Workers, result.ImagesPerSecond, images, seconds)
	return err
}

// randomSet is a set of images for measurements.
type randomSet struct {
	pixels        []uint8
	height, width int
}

// randomImages makes images of noise, 32 MB of them but at least two.
func randomImages(height, width int) *randomSet {
	const room = 32 << 20 // more than caches hold, and the study's largest batch
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

// augmentUntil makes images with the given number of workers until ctx ends,
// and counts them.
func augmentUntil(ctx context.Context, recipe *augment.Recipe, set *randomSet, workers int) int64 {
	const between = 16 // images between looks at ctx
	var count atomic.Int64
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(worker)))
			dst := make([]uint8, set.height*set.width*3)
			var space augment.Workspace
			made := 0
			for made == 0 || ctx.Err() == nil {
				for range between {
					plan := recipe.Draw(rng, set.height, set.width)
					// Recipes draw valid plans, and the sizes are the set's.
					_ = space.Apply(&plan, dst, set.Image(made%set.Len()), set.height, set.width)
					made++
				}
			}
			count.Add(int64(made))
		})
	}
	running.Wait()
	return count.Load()
}
