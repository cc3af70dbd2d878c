package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"onnxlab/onnxmodels/checkpoint"
)

// TestParameters checks that recalibrated statistics replace those of the checkpoint,
// before the snapshot is committed and after. The checkpoint itself does not change.
func TestParameters(t *testing.T) {
	tensor := func(name string, values ...float32) checkpoint.Tensor {
		return checkpoint.Tensor{Name: name, Shape: []int{len(values)}, Data: values}
	}
	state := &checkpoint.Checkpoint{
		Trainable: []checkpoint.Tensor{tensor("norm.weight", 1, 2)},
		Frozen:    []checkpoint.Tensor{tensor("norm.running_mean", 3, 4), tensor("norm.running_var", 5, 6)},
	}
	begin := func(dir string) *Pending {
		p, err := Begin(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkpoint.Write(p.CheckpointPath(), state); err != nil {
			t.Fatal(err)
		}
		return p
	}
	means := func(c *checkpoint.Checkpoint, err error) []float32 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if got := [][]float32{c.Parameter("norm.weight").Data, c.Parameter("norm.running_var").Data}; !reflect.DeepEqual(got, [][]float32{{1, 2}, {5, 6}}) {
			t.Errorf("the others are %v", got)
		}
		return c.Parameter("norm.running_mean").Data
	}
	dir := t.TempDir()
	p := begin(dir)
	if got := means(p.Parameters()); !reflect.DeepEqual(got, []float32{3, 4}) {
		t.Errorf("without statistics: %v", got)
	}
	if err := p.WriteStatistics([]checkpoint.Tensor{tensor("norm.running_mean", 7, 8)}); err != nil {
		t.Fatal(err)
	}
	measured := []float32{7, 8}
	if got := means(p.Parameters()); !reflect.DeepEqual(got, measured) {
		t.Errorf("pending: %v, want %v", got, measured)
	}
	path, err := p.Commit(Manifest{Step: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := means(Parameters(path)); !reflect.DeepEqual(got, measured) {
		t.Errorf("committed: %v, want %v", got, measured)
	}
	if got := means(checkpoint.Read(CheckpointPath(path))); !reflect.DeepEqual(got, []float32{3, 4}) {
		t.Errorf("the checkpoint itself has %v", got)
	}
	if m, err := Check(path); err != nil || m.StatisticsBytes == 0 || len(m.StatisticsSHA256) != 64 {
		t.Errorf("manifest %+v, %v", m, err)
	}
	for _, s := range []checkpoint.Tensor{tensor("norm.running_mean", 7), tensor("other.running_mean", 7, 8)} {
		p := begin(t.TempDir())
		if err := p.WriteStatistics([]checkpoint.Tensor{s}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Parameters(); err == nil || !strings.Contains(err.Error(), s.Name) {
			t.Errorf("%v: error %v", s, err)
		}
	}
}

// TestForeignStatistics checks that a file of statistics that is missing, or that the
// manifest does not name, counts as damage.
func TestForeignStatistics(t *testing.T) {
	path := write(t, t.TempDir(), Manifest{Step: 1}, "one")
	file := filepath.Join(path, statisticsFile)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(path); err == nil || !strings.Contains(err.Error(), "that its manifest does not name") {
		t.Errorf("error %v", err)
	}
	p, err := Begin(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(p.CheckpointPath(), []byte("x"), 0o600), p.WriteStatistics(nil)); err != nil {
		t.Fatal(err)
	}
	if path, err = p.Commit(Manifest{Step: 1}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(path, statisticsFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
}
