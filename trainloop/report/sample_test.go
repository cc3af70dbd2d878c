package report

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"onnxlab/configs"
	"onnxlab/trainloop/rundir"
)

// sample describes an invented sweep whose histories look like those of the study: the loss
// falls with noise, and strong augmentation is best at small batch sizes and the first to
// fall off at large ones.
type sample struct {
	seeds   []uint64
	batches []int
	epochs  int
	lift    float64 // added to all accuracies
	plan    bool    // keep the sweep's configuration
}

func study() sample {
	return sample{seeds: []uint64{1}, batches: []int{128, 256, 512, 1024, 2048, 4096, 8192}, epochs: 30, plan: true}
}

func threeSeeds() sample {
	s := study()
	s.seeds, s.batches = []uint64{1, 2, 3}, []int{128, 512, 2048, 8192}
	return s
}

// write makes all run directories in root.
func (s sample) write(t testing.TB, root string) string {
	t.Helper()
	experiment := configs.Default()
	experiment.Name = "sample"
	experiment.Train.Epochs = s.epochs
	experiment.Sweep.BatchSizes, experiment.Sweep.Seeds = s.batches, s.seeds
	if s.plan {
		keepConfig(t, root, experiment)
	}
	for k, condition := range experiment.Sweep.Conditions {
		for _, batch := range s.batches {
			for _, seed := range s.seeds {
				cell := rundir.Key{Condition: condition, BatchSize: batch, Seed: seed}
				dir := rundir.CellDir(root, cell, len(s.seeds) > 1)
				e, err := experiment.Cell(condition, batch, seed)
				must(t, err)
				keepConfig(t, dir, e)
				s.writeRun(t, dir, cell, k)
			}
		}
	}
	return root
}

func keepConfig(t testing.TB, dir string, e configs.Experiment) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	text, err := configs.Marshal(e)
	must(t, err)
	must(t, os.WriteFile(rundir.Layout{Dir: dir}.Config(), text, 0o600))
}

func (s sample) writeRun(t testing.TB, dir string, c rundir.Key, condition int) {
	t.Helper()
	history := s.history(c, condition)
	must(t, rundir.WriteHistory(rundir.Layout{Dir: dir}.History(), history))
	must(t, rundir.WriteEnvironment(dir, rundir.Environment{
		Toolkit: "v0.1.0", Go: "go1.26.0", Platform: "linux/amd64", CPU: rundir.CPU{Model: "Sample <CPU>", Cores: 2},
		Threads: 2, Device: "cpu", ONNXRuntime: "1.28.0",
		Data:    rundir.Data{Source: "synthetic", Hash: "5d41", Train: 50000, Validation: 10000},
		Started: time.Unix(1_700_000_000, 0).UTC(),
	}))
	summary := rundir.Summarize(history)
	summary.Name, summary.Condition, summary.BatchSize, summary.Seed = "sample", c.Condition, c.BatchSize, c.Seed
	summary.Parameters = 1_927_946
	must(t, rundir.WriteSummary(dir, summary))
}

// history depends only on the cell. Its numbers are rounded, so that they are the same on
// every processor.
func (s sample) history(c rundir.Key, condition int) []rundir.Epoch {
	r := rand.New(rand.NewPCG(c.Seed, uint64(c.BatchSize)<<8|uint64(condition)))
	peak := []float64{0.90, 0.935, 0.952, 0.936}[condition] + s.lift
	bend := []float64{11.2, 11.6, 10.4, 12.6}[condition] // log2 of the batch where it falls off
	final := peak - 0.12/(1+math.Exp(-1.6*(math.Log2(float64(c.BatchSize))-bend))) + 0.003*r.NormFloat64()
	var epochs []rundir.Epoch
	for e := range s.epochs {
		done := 1 - math.Exp(-5*float64(e+1)/float64(s.epochs))
		noise := (1 - done) * 0.05 * math.Abs(r.NormFloat64())
		validation := 0.1 + (final-0.1)*done - noise
		training := 0.1 + (final+0.05-0.03*float64(condition)-0.1)*done
		epochs = append(epochs, rundir.Epoch{
			Epoch: e, Step: (e + 1) * max(1, 50_000/c.BatchSize), LearningRate: 0.1 * float64(c.BatchSize) / 128,
			Loss: round(-math.Log(training)*1.2 + 0.02), Accuracy: round(training),
			ValLoss: round(-math.Log(validation)*1.4 + 0.02 + noise), ValAccuracy: round(validation),
			ImagesPerSecond: round(1500 + 20*r.NormFloat64()), DataWait: round(0.02 * r.Float64()), Seconds: 34.5,
		})
	}
	return epochs
}

func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, dir string) *Sweep {
	t.Helper()
	s, err := Load(dir)
	must(t, err)
	return s
}

// unfinished makes a sweep with a cell in each state other than done.
func unfinished(t testing.TB, root string) string {
	t.Helper()
	s := study()
	s.batches = []int{128, 512, 2048}
	s.write(t, root)
	dir := func(condition, batch string) string { return filepath.Join(root, condition, batch) }
	must(t, os.RemoveAll(dir("none", "2048")))
	must(t, os.Remove(rundir.Layout{Dir: dir("medium", "2048")}.Summary()))
	short := s.history(rundir.Key{Condition: "medium", BatchSize: 2048, Seed: 1}, 1)[:12]
	must(t, rundir.WriteHistory(rundir.Layout{Dir: dir("medium", "2048")}.History(), short))
	must(t, os.Remove(rundir.Layout{Dir: dir("strong", "2048")}.Summary()))
	must(t, os.Remove(rundir.Layout{Dir: dir("strong", "2048")}.History()))
	must(t, rundir.WriteFailure(dir("strong", "2048"), rundir.Failure{Error: "out of memory: set train.replicas", ExitStatus: 1}))
	return root
}
