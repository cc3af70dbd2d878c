package report

import (
	"fmt"
	"slices"

	"onnxlab/trainloop/rundir"
)

// initial lists the cells in which a run reports a share of initial values in BatchNorm's
// running statistics (see [rundir.Summary.InitialStatistics]), with the largest share.
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

// InitialTitle is the title of the list Initial.
func (t Table) InitialTitle() string {
	return fmt.Sprintf("BatchNorm's running statistics were still more than %g %% their initial values, which spoils the last evaluation (model.batchnorm.statistics)",
		100*rundir.MostInitialStatistics)
}
