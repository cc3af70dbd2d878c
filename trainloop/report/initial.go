package report

import (
	"fmt"
	"slices"

	"onnxlab/trainloop/rundir"
)

// initial names the cells of which a run says so, and how much it was at most.
func (s *Sweep) initial() []string {
	var lines []string
	for _, condition := range s.Conditions {
		for _, batch := range s.BatchSizes {
			var shares []float64
			for _, r := range s.cell(condition, batch) {
				if r.Summary != nil && r.Summary.InitialStatistics > 0 {
					shares = append(shares, r.Summary.InitialStatistics)
				}
			}
			if len(shares) > 0 {
				lines = append(lines, fmt.Sprintf("%s, batch size %d: %.3g %%", condition, batch, 100*slices.Max(shares)))
			}
		}
	}
	return lines
}

// InitialTitle is the line above Initial.
func (t Table) InitialTitle() string {
	return fmt.Sprintf("More than %g %% of BatchNorm's running statistics was still what they began with, which spoils the last evaluation (model.batchnorm.statistics)",
		100*rundir.MostInitialStatistics)
}
