package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"onnxlab/configs"
	"onnxlab/dataset/synthetic"
	"onnxlab/onnxmodels"
	"onnxlab/ort/library/librarytest"
	"onnxlab/ort/session"
	"onnxlab/trainloop"
	"onnxlab/trainloop/report"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/sweep"
)

// ownSweep returns a sweep of a network that no experiment can describe.
func ownSweep(root string) (*sweep.Plan, error) {
	e := grid([]string{"none", "medium"}, []int{16, 32}, 1)
	e.Model.Kind = configs.KindOwn
	e.Data.Train, e.Data.Validation = 64, 16
	e.Train.Epochs, e.Schedule.DecayEpochs = 1, nil
	return sweep.New(e, root)
}

// trainOwn trains one of its cells, as a program does in the processes of its sweep.
func trainOwn(root, number string) error {
	ctx := context.Background()
	p, err := ownSweep(root)
	if err != nil {
		return err
	}
	i, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	n, err := onnxmodels.NewNetwork(32, 32,
		onnxmodels.Conv("conv", onnxmodels.ConvOptions{Filters: 4, Kernel: 5, Stride: 2}), onnxmodels.Activation("act", onnxmodels.ActivationGELU),
		onnxmodels.GlobalAveragePool("pool"), onnxmodels.Dense("dense", 10))
	if err != nil {
		return err
	}
	train, validation, err := synthetic.Draw(ctx, synthetic.Seed, 64, 16)
	if err != nil {
		return err
	}
	if err := session.Open(ctx, session.LibraryOptions{}); err != nil {
		return err
	}
	defer session.Close()
	c := p.Cells[i]
	_, err = trainloop.Run(ctx, trainloop.Options{Experiment: c.Experiment, Network: n, Train: train, Validation: validation, Dir: c.Dir})
	return err
}

// TestOwnNetwork checks that a program can sweep its own network, and that the report is
// like others.
func TestOwnNetwork(t *testing.T) {
	librarytest.Open(t) // fetches the library once
	root := filepath.Join(t.TempDir(), "sweep")
	p, err := ownSweep(root)
	if err != nil {
		t.Fatal(err)
	}
	release, err := p.Claim(false)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	outcome, err := Run(t.Context(), p, Options{Command: func(c sweep.Cell) *exec.Cmd {
		for i := range p.Cells {
			if p.Cells[i].Dir == c.Dir {
				return cell(c, "own", root, fmt.Sprint(i))
			}
		}
		return nil
	}, Finished: func(r Result) {
		if r.Err != nil {
			t.Error(r.Err)
		}
	}})
	if err != nil || outcome.Done != 4 {
		t.Fatalf("outcome %+v, error %v", outcome, err)
	}
	for _, c := range p.Cells {
		e, err := rundir.ReadConfig(c.Dir)
		if err != nil || e.Model.Kind != configs.KindOwn || e.Train.BatchSize != c.BatchSize {
			t.Errorf("%s kept %+v, error %v", sweep.Name(c.Key), e.Model, err)
		}
	}
	study, err := report.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := study.Write(root, 2); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"summary.csv", "report.html", "da_type_medium.json"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
}
