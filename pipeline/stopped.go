package main

import (
	"fmt"
	"io"
	"strings"

	"onnxlab/trainloop/report"
	"onnxlab/trainloop/rundir"
)

// stoppedText says after which of its epochs a run stopped early; "" if it did
// not. Messages count epochs from 1.
func stoppedText(s rundir.Summary, epochs int) string {
	if s.StoppedEpoch == nil {
		return ""
	}
	return fmt.Sprintf("after epoch %d of %d", *s.StoppedEpoch+1, epochs)
}

// restoredText says of which epoch the model of a run is; "" if of the last one.
func restoredText(s rundir.Summary) string {
	if s.RestoredEpoch == nil || s.RestoredValAccuracy == nil {
		return ""
	}
	return fmt.Sprintf("of epoch %d, validation accuracy %.2f %%", *s.RestoredEpoch+1, 100**s.RestoredValAccuracy)
}

// stoppedRuns names the runs that ended before all their epochs were trained.
func stoppedRuns(s *report.Sweep) []string {
	var lines []string
	for _, r := range s.Runs {
		if r.Summary == nil || r.Config == nil || r.Summary.StoppedEpoch == nil {
			continue
		}
		line := fmt.Sprintf("%s, batch size %d", r.Condition, r.BatchSize)
		if len(s.Seeds) > 1 {
			line += fmt.Sprintf(", seed %d", r.Seed)
		}
		line += ": " + stoppedText(*r.Summary, r.Config.Train.Epochs)
		if restored := restoredText(*r.Summary); restored != "" {
			line += "; its model is " + restored
		}
		lines = append(lines, line)
	}
	return lines
}

// writeStopped ends a table with the runs whose last epoch was not the one that
// was planned.
func writeStopped(w io.Writer, stopped []string) error {
	if len(stopped) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nStopped early:\n  %s\n", strings.Join(stopped, "\n  "))
	return err
}

// tableWithStops is what --json prints of a report.
type tableWithStops struct {
	report.Table
	Stopped []string `json:"stopped_early,omitempty"`
}
