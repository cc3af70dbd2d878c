package report

import (
	"bytes"
	"html"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/trainloop/rundir"
)

// TestInitialStatistics checks that the text and the page name the cells whose last
// evaluation used initial statistics, and say nothing if there are none.
func TestInitialStatistics(t *testing.T) {
	root := threeSeeds().write(t, t.TempDir())
	said := func() (text, page string) {
		s := load(t, root)
		table := s.Table(DefaultDrop)
		var a, b bytes.Buffer
		must(t, table.WriteText(&a))
		must(t, s.writeHTML(&b, table))
		return a.String(), b.String()
	}
	text, page := said()
	if strings.Contains(text, "running statistics") || strings.Contains(page, "running statistics") {
		t.Errorf("for runs without any:\n%s", text)
	}
	for seed, share := range map[string]float64{"seed-1": 0.1637, "seed-3": 0.17} {
		dir := filepath.Join(root, "medium", "8192", seed)
		summary, err := rundir.ReadSummary(dir)
		must(t, err)
		summary.InitialStatistics = share
		must(t, rundir.WriteSummary(dir, summary))
	}
	text, page = said()
	const title = "BatchNorm's running statistics were still more than 1 % their initial values, which spoils the last evaluation (model.batchnorm.statistics):"
	if !strings.HasSuffix(text, title+"\n  medium, batch size 8192: 17 %\n") {
		t.Errorf("the text ends with\n%s", text[max(0, len(text)-300):])
	}
	if !strings.Contains(html.UnescapeString(page), strings.TrimSuffix(title, ":")) || !strings.Contains(page, "<li>medium, batch size 8192: 17 %</li>") {
		t.Error("the page does not say so")
	}
}
