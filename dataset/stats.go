package dataset

import (
	"context"
	"math"
)

// Stats describe the images of a set.
type Stats struct {
	// Counts has the number of images of each class. An image of several classes counts for
	// each of them.
	Counts []int
	// Mean and Deviation are the mean and the standard deviation of all values of each
	// channel, red, green and blue, or grey, in 0..1. They are 0 for an empty set.
	Mean, Deviation []float64
}

// Stats counts the classes and measures the channels. If the set Streams, it reads all
// images. If one cannot be read, the channels are 0; StatsContext returns the error.
func (s *Set) Stats() Stats {
	stats, _ := s.StatsContext(context.Background())
	return stats
}

// StatsContext is Stats, but returns an error when ctx is done or an image cannot be read.
func (s *Set) StatsContext(ctx context.Context) (Stats, error) {
	channels := s.Channels()
	stats := Stats{
		Counts: make([]int, len(s.Classes)),
		Mean:   make([]float64, channels), Deviation: make([]float64, channels),
	}
	if s.MultiLabel() {
		for i, target := range s.Targets {
			stats.Counts[i%len(s.Classes)] += int(target)
		}
	} else {
		for _, label := range s.Labels {
			stats.Counts[label]++
		}
	}
	// Histograms make the result exact for any number of images.
	histogram := make([][256]int, channels)
	const together = 64
	var buffer []uint8
	for from := 0; from < s.Len(); from += together {
		pixels, err := s.ReadImages(ctx, from, min(from+together, s.Len()), buffer)
		if err != nil {
			return stats, err
		}
		for i, value := range pixels {
			histogram[i%channels][value]++
		}
		if s.stream != nil {
			buffer = pixels
		}
	}
	if s.Len() == 0 {
		return stats, nil
	}
	for c := range channels {
		stats.Mean[c], stats.Deviation[c] = moments(&histogram[c], s.Len()*s.Height*s.Width)
	}
	return stats, nil
}

// moments returns the mean and the standard deviation of n values in 0..1. The histogram
// counts the values k/255.
func moments(histogram *[256]int, n int) (mean, deviation float64) {
	for value, count := range histogram {
		mean += float64(value) / 255 * float64(count) / float64(n)
	}
	var variance float64
	for value, count := range histogram {
		off := float64(value)/255 - mean
		variance += off * off * float64(count) / float64(n)
	}
	return mean, math.Sqrt(variance)
}
