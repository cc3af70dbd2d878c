package dataset

import (
	"context"
	"math"
)

// Stats describe the images of a set.
type Stats struct {
	// Counts are the numbers of images of each class. An image of several counts in each.
	Counts []int
	// Mean and Deviation are those of all values of each channel, red, green
	// and blue, or grey, in 0..1. They are 0 for an empty set.
	Mean, Deviation []float64
}

// Stats counts the classes and measures the channels. Of a set that Streams the images
// are read, and if one cannot be, the channels are 0: StatsContext says why.
func (s *Set) Stats() Stats {
	stats, _ := s.StatsContext(context.Background())
	return stats
}

// StatsContext is Stats, which ends with ctx and with the first image that cannot be read.
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
	// Exact, whatever the number of images.
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

// moments are the mean and the standard deviation of n values in 0..1, of
// which the histogram has the numbers of each 255th.
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
