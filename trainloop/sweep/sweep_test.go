package sweep

import (
	"testing"

	"onnxlab/configs"
)

// grid returns an experiment with this sweep.
func grid(conditions []string, batchSizes []int, seeds ...uint64) configs.Experiment {
	e := configs.Default()
	e.Sweep.Conditions, e.Sweep.BatchSizes, e.Sweep.Seeds = conditions, batchSizes, seeds
	return e
}

// mustPlan plans the experiment's sweep and claims its directory.
func mustPlan(t *testing.T, e configs.Experiment, root string) *Plan {
	t.Helper()
	p, err := New(e, root)
	if err != nil {
		t.Fatal(err)
	}
	release, err := p.Claim(true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	})
	return p
}
