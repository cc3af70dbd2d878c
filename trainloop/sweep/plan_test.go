package sweep

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/trainloop"
	"onnxlab/trainloop/rundir"
)

// TestNew checks that the cells are ordered by seed and then batch size, and that each has
// its directory and its settings.
func TestNew(t *testing.T) {
	type laid struct {
		name, dir, recipe string
		batch             int
		seed              uint64
	}
	for _, c := range []struct {
		e    configs.Experiment
		want []laid
	}{
		{grid([]string{"strong", "none"}, []int{128, 64}, 2, 1), []laid{
			{"strong, batch 128, seed 2", "root/strong/128/seed-2", "strong", 128, 2},
			{"none, batch 128, seed 2", "root/none/128/seed-2", "none", 128, 2},
			{"strong, batch 64, seed 2", "root/strong/64/seed-2", "strong", 64, 2},
			{"none, batch 64, seed 2", "root/none/64/seed-2", "none", 64, 2},
			{"strong, batch 128, seed 1", "root/strong/128/seed-1", "strong", 128, 1},
			{"none, batch 128, seed 1", "root/none/128/seed-1", "none", 128, 1},
			{"strong, batch 64, seed 1", "root/strong/64/seed-1", "strong", 64, 1},
			{"none, batch 64, seed 1", "root/none/64/seed-1", "none", 64, 1},
		}},
		{grid([]string{"shift-only"}, []int{64}, 7), []laid{{"shift-only, batch 64, seed 7", "root/shift-only/64", "shift", 64, 7}}},
	} {
		p, err := New(c.e, "root")
		if err != nil {
			t.Fatal(err)
		}
		var got []laid
		for _, cell := range p.Cells {
			e := cell.Experiment
			got = append(got, laid{Name(cell.Key), filepath.ToSlash(cell.Dir), e.Augment.Recipe, e.Train.BatchSize, e.Seed})
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("got  %v\nwant %v", got, c.want)
		}
	}
}

// TestNewRefuses checks that the error names all impossible cells, and that a grid without
// cells is an error.
func TestNewRefuses(t *testing.T) {
	odd := grid([]string{"none", "mediun"}, []int{64, 63}, 1)
	odd.Train.Replicas = 8
	for _, c := range []struct {
		e    configs.Experiment
		want []string
	}{
		{odd, []string{
			`cell mediun, batch 64, seed 1: sweep.conditions: unknown condition "mediun" (did you mean "medium"?)`,
			"cell none, batch 63, seed 1: condition none at batch size 63: train.replicas: 8 does not divide train.batch_size 63",
			`cell mediun, batch 63, seed 1: sweep.conditions: unknown condition "mediun" (did you mean "medium"?)`,
		}},
		{grid(nil, []int{64}, 1), []string{"the sweep has no cells: sweep.conditions, sweep.batch_sizes or sweep.seeds is empty"}},
	} {
		p, err := New(c.e, "root")
		if p != nil || err == nil || err.Error() != strings.Join(c.want, "\n") {
			t.Errorf("plan %v, error %v\nwant %q", p, err, c.want)
		}
	}
}

// TestClaim checks that a sweep is resumed only with resume set, in its own directory, and
// with the same settings except for its grid.
func TestClaim(t *testing.T) {
	root := filepath.Join(t.TempDir(), "sweep")
	claim := func(e configs.Experiment, root string, resume bool) error {
		p, err := New(e, root)
		if err != nil {
			t.Fatal(err)
		}
		release, err := p.Claim(resume)
		if err != nil {
			return err
		}
		return release()
	}
	small, large := grid([]string{"none"}, []int{64}, 1), grid([]string{"none"}, []int{64, 128}, 1)
	if err := claim(small, root, false); err != nil {
		t.Fatal(err)
	}
	before := *mustOccupied(t, claim(large, root, false))
	if want := (trainloop.Occupied{Dir: root, Holds: rundir.OfSweep, Wanted: rundir.OfSweep}); before != want {
		t.Errorf("got %+v, want %+v", before, want)
	}
	if err := claim(large, root, true); err != nil {
		t.Fatal(err)
	}
	if e, err := rundir.ReadConfig(root); err != nil || !reflect.DeepEqual(e, large) {
		t.Errorf("it keeps %+v, error %v, want %+v", e, err, large)
	}
	other := grid([]string{"none"}, []int{64}, 1)
	other.Train.Epochs = 3
	var mismatch *trainloop.Mismatch
	if err := claim(other, root, true); !errors.As(err, &mismatch) || !reflect.DeepEqual(mismatch.Differences, []string{"train.epochs: 100 became 3"}) {
		t.Errorf("other epochs: error %v", err)
	}
	if e, err := rundir.ReadConfig(root); err != nil || !reflect.DeepEqual(e, large) {
		t.Errorf("refused, it keeps %+v, error %v, want %+v", e, err, large)
	}

	run := t.TempDir()
	if err := errors.Join(claim(small, run, false), rundir.WriteEnvironment(run, rundir.Environment{})); err != nil {
		t.Fatal(err)
	}
	if got, want := *mustOccupied(t, claim(small, run, true)), (trainloop.Occupied{Dir: run, Holds: rundir.OfRun, Wanted: rundir.OfSweep}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}

	damaged := t.TempDir()
	if err := os.WriteFile(rundir.Layout{Dir: damaged}.Config(), []byte("train: {epoch: 3}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var data *rundir.DataError
	if err := claim(small, damaged, true); !errors.As(err, &data) || data.Line != 1 || !strings.Contains(data.Message, `"train.epoch"`) {
		t.Errorf("damaged: error %v", err)
	}
	if left, err := os.ReadDir(damaged); err != nil || len(left) != 1 {
		t.Errorf("refused, it leaves %v, error %v, want the configuration alone", left, err)
	}
}

// TestClaimOccupied checks that another sweep cannot change the configuration of a running
// one.
func TestClaimOccupied(t *testing.T) {
	under := mustPlan(t, grid([]string{"none"}, []int{64}, 1), t.TempDir())
	other, err := New(grid([]string{"none"}, []int{64, 128}, 1), under.Root)
	if err != nil {
		t.Fatal(err)
	}
	var locked *durable.LockedError
	if _, err := other.Claim(true); !errors.As(err, &locked) || locked.Dir != under.Root {
		t.Errorf("error %v, want a LockedError", err)
	}
	if e, err := rundir.ReadConfig(under.Root); err != nil || !reflect.DeepEqual(e, under.Experiment) {
		t.Errorf("it keeps %+v, error %v, want %+v", e, err, under.Experiment)
	}
}

func mustOccupied(t *testing.T, err error) *trainloop.Occupied {
	t.Helper()
	var occupied *trainloop.Occupied
	if !errors.As(err, &occupied) {
		t.Fatalf("error %v, want an Occupied", err)
	}
	return occupied
}
