package warmstart

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onnxlab/configs"
	"onnxlab/internal/durable"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func network(t *testing.T, classes int, widths ...int) *onnxmodels.Network {
	t.Helper()
	n, err := onnxmodels.CNN(onnxmodels.CNNOptions{Height: 16, Width: 16, Widths: widths, Convolutions: 1, Classes: classes})
	must(t, err)
	return n
}

// model writes a model of the network with these parameters, and returns its path.
func model(t *testing.T, n *onnxmodels.Network, c *checkpoint.Checkpoint, o onnxmodels.InferenceOptions) string {
	t.Helper()
	m, err := n.Inference(c, o)
	must(t, err)
	path := filepath.Join(t.TempDir(), "model.onnx")
	must(t, modelfile.Write(path, m))
	return path
}

// aRun makes a run with two snapshots: the better one has the parameters of seed 1, and the
// later one those of seed 2.
func aRun(t *testing.T, n *onnxmodels.Network, classes []string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, rundir.WriteEnvironment(dir, rundir.Environment{Data: rundir.Data{Classes: classes}}))
	e := configs.Default()
	e.Model.Widths, e.Model.Convolutions = []int{4, 8}, 1
	text, err := configs.Marshal(e)
	must(t, err)
	l := rundir.Layout{Dir: dir}
	must(t, durable.WriteBytes(l.Config(), text))
	for i, accuracy := range []float64{0.75, 0.5} {
		p, err := snapshot.Begin(l.Checkpoints())
		must(t, err)
		must(t, checkpoint.Write(p.CheckpointPath(), n.Initialize(uint64(i+1))))
		_, err = p.Commit(snapshot.Manifest{Step: 10 * (i + 1), Epoch: i + 1, ValAccuracy: &accuracy})
		must(t, err)
	}
	return dir
}

func threeClasses() []string { return []string{"cat", "dog", "ant"} }

// TestRead checks that every kind of file gives the same parameters.
func TestRead(t *testing.T) {
	n := network(t, 3, 4, 8)
	dir := aRun(t, n, threeClasses())
	latest := snapshot.Path(rundir.Layout{Dir: dir}.Checkpoints(), 20)
	elsewhere := filepath.Join(t.TempDir(), "checkpoint")
	must(t, checkpoint.Write(elsewhere, n.Initialize(2)))
	named := onnxmodels.InferenceOptions{KeepBatchNorm: true, Classes: threeClasses()}
	planes := onnxmodels.InferenceOptions{KeepBatchNorm: true, Input: onnxmodels.InputFloat32NCHW}
	for _, c := range []struct {
		path, place string
		named       bool
	}{
		{dir, "epoch 2, step 20", true},
		{latest, "epoch 2, step 20", true},
		{snapshot.CheckpointPath(latest), "", true},
		{elsewhere, "", false},
		{model(t, n, n.Initialize(2), named), "", true},
		{model(t, n, n.Initialize(2), planes), "", false},
	} {
		s, err := Read(c.path)
		must(t, err)
		want := checkpoint.Encode(n.Initialize(2))
		got, start, err := s.Fit(n, threeClasses(), 9)
		must(t, err)
		if string(checkpoint.Encode(got)) != string(want) || start.Taken != 14 || len(start.New) != 0 {
			t.Errorf("%s: other parameters, or %+v", c.path, start)
		}
		if s.Path != c.path || s.Place != c.place || (s.Classes != nil) != c.named || c.named && !slices.Equal(s.Classes, threeClasses()) {
			t.Errorf("%s: %+v", c.path, s)
		}
		if hash := s.SHA256(); hash != (&Source{Parameters: append(n.Initialize(2).Frozen, n.Initialize(2).Trainable...)}).SHA256() || len(hash) != 64 {
			t.Errorf("%s: SHA-256 %s", c.path, hash)
		}
	}
	best, err := ReadBest(dir)
	must(t, err)
	if got, _, err := best.Fit(n, nil, 9); err != nil || string(checkpoint.Encode(got)) != string(checkpoint.Encode(n.Initialize(1))) || best.Place != "epoch 1, step 10" {
		t.Errorf("the best is of %s, %v", best.Place, err)
	}
}

// TestHash checks that every name, shape and value changes the hash.
func TestHash(t *testing.T) {
	tensor := func(name string, shape []int, data ...float32) checkpoint.Tensor {
		return checkpoint.Tensor{Name: name, Shape: shape, Data: data}
	}
	seen := map[string]int{}
	for i, parameters := range [][]checkpoint.Tensor{
		nil,
		{tensor("a", []int{2}, 1, 2)},
		{tensor("b", []int{2}, 1, 2)},
		{tensor("a", []int{2, 1}, 1, 2)},
		{tensor("a", []int{2}, 2, 1)},
		{tensor("a", []int{1}, 1), tensor("b", []int{1}, 2)},
		{tensor("a", []int{1}, 2), tensor("b", []int{1}, 1)},
		{tensor("a", []int{1}, 0)},
		{tensor("a", []int{1}, float32(math.Copysign(0, -1)))},
	} {
		hash := (&Source{Parameters: parameters}).SHA256()
		if other, ok := seen[hash]; ok {
			t.Errorf("%d and %d have one hash", other, i)
		}
		seen[hash] = i
	}
}

// TestWrite checks that a source can be written to a file, with its origin.
func TestWrite(t *testing.T) {
	n := network(t, 3, 4, 8)
	for _, s := range []*Source{
		{Path: "runs/first", Place: "epoch 3, step 12", Parameters: n.Initialize(1).Trainable, Classes: threeClasses()},
		{Path: "checkpoint", Parameters: n.Initialize(1).Trainable},
	} {
		path := filepath.Join(t.TempDir(), "from.checkpoint")
		must(t, s.Write(path))
		got, err := Read(path)
		must(t, err)
		if got.SHA256() != s.SHA256() || got.String() != fmt.Sprintf("%q (of %s)", path, s) || !slices.Equal(got.Classes, s.Classes) {
			t.Errorf("%v came back as %v", s, got)
		}
	}
}

// TestStrangersProperties checks that texts in a checkpoint from elsewhere cannot control
// the terminal, that their length is limited, and that invalid classes are an error.
func TestStrangersProperties(t *testing.T) {
	n := network(t, 3, 4, 8)
	c := n.Initialize(1)
	path := filepath.Join(t.TempDir(), "checkpoint")
	c.Properties.Strings = map[string]string{propertyFrom: "a\x1b[2J" + strings.Repeat("b", 10_000)}
	must(t, checkpoint.Write(path, c))
	s, err := Read(path)
	must(t, err)
	if s.Path != path || !strings.HasPrefix(s.Place, "of a\uFFFD[2Jbb") || len(s.Place) > 200 {
		t.Errorf("from %v", s)
	}
	c.Properties.Strings = map[string]string{propertyClasses: "many"}
	must(t, checkpoint.Write(path, c))
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "property onnxlab.classes: ") {
		t.Errorf("error %v", err)
	}
}

// TestMisfits checks that the error lists a dozen differences and counts the others.
func TestMisfits(t *testing.T) {
	small := network(t, 10, 4, 8)
	from := func(n *onnxmodels.Network) *Source {
		c := n.Initialize(1)
		return &Source{Path: "other", Parameters: append(c.Trainable, c.Frozen...)}
	}
	for _, c := range []struct {
		source *Source
		want   string
	}{
		{from(network(t, 10, 4)), `the parameters of "other" do not fit the network:
  stage2.conv1.weight: is missing in the source
  stage2.conv1.bias: is missing in the source
  stage2.norm1.weight: is missing in the source
  stage2.norm1.bias: is missing in the source
  stage2.norm1.running_mean: is missing in the source
  stage2.norm1.running_var: is missing in the source
  dense.weight: has the shape [4 10] in the source, not [8 10]
use the model settings of the source`},
		{from(network(t, 10, 4, 8, 8)), `the parameters of "other" do not fit the network:
  stage3.conv1.bias: is not in the network
  stage3.conv1.weight: is not in the network
  stage3.norm1.bias: is not in the network
  stage3.norm1.running_mean: is not in the network
  stage3.norm1.running_var: is not in the network
  stage3.norm1.weight: is not in the network
use the model settings of the source`},
		{from(network(t, 7, 5, 8)), `the parameters of "other" do not fit the network:
  stage1.conv1.weight: has the shape [5 3 3 3] in the source, not [4 3 3 3]
  stage1.conv1.bias: has the shape [5] in the source, not [4]
  stage1.norm1.weight: has the shape [5] in the source, not [4]
  stage1.norm1.bias: has the shape [5] in the source, not [4]
  stage1.norm1.running_mean: has the shape [5] in the source, not [4]
  stage1.norm1.running_var: has the shape [5] in the source, not [4]
  stage2.conv1.weight: has the shape [8 5 3 3] in the source, not [8 4 3 3]
use the model settings of the source`},
	} {
		_, _, err := c.source.Fit(small, nil, 1)
		var misfit *Misfit
		if !errors.As(err, &misfit) || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
	run, err := Read(aRun(t, small, nil))
	must(t, err)
	_, _, err = run.Fit(network(t, 10, 16, 16, 16), nil, 1)
	if err == nil || strings.Count(err.Error(), "\n") != 14 || !strings.HasSuffix(err.Error(), "\n  and 7 more\nthe network of the source has model.widths [4, 8] and model.convolutions 1") {
		t.Errorf("error %v", err)
	}
}

// TestFolded checks that the error for a model without BatchNorm names the command that
// writes one with it.
func TestFolded(t *testing.T) {
	n := network(t, 3, 4, 8)
	dir := aRun(t, n, threeClasses())
	m, err := n.Inference(n.Initialize(1), onnxmodels.InferenceOptions{})
	must(t, err)
	must(t, modelfile.Write(rundir.Layout{Dir: dir}.Model(), m))
	for path, run := range map[string]string{
		rundir.Layout{Dir: dir}.Model():                             dir,
		model(t, n, n.Initialize(1), onnxmodels.InferenceOptions{}): "RUN",
	} {
		s, err := Read(path)
		must(t, err)
		_, _, err = s.Fit(n, nil, 1)
		want := fmt.Sprintf("%s: its BatchNorm is folded into the convolutions, and cannot be trained further: start from the run with --from %s, or from the model that 'pipeline export model --run %s --fold=false --out unfolded.onnx' writes", path, run, run)
		var damaged *rundir.DataError
		if !errors.As(err, &damaged) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// TestOtherClasses checks which parameters of the classifier are taken, and why.
func TestOtherClasses(t *testing.T) {
	n := network(t, 3, 4, 8)
	from := func(classes int, names ...string) *Source {
		c := network(t, classes, 4, 8).Initialize(1)
		return &Source{Path: "other", Parameters: append(c.Trainable, c.Frozen...), Classes: names}
	}
	for _, c := range []struct {
		source *Source
		names  []string
		reason string
	}{
		{from(3, threeClasses()...), threeClasses(), ""},
		{from(3), threeClasses(), ""},
		{from(3, threeClasses()...), nil, ""},
		{from(3, "ant", "cat", "dog"), threeClasses(), "its classes have other names"},
		{from(7), threeClasses(), "it has 7 classes, and the network has 3"},
		{from(7), nil, "it has 7 classes, and the network has 3"},
	} {
		got, start, err := c.source.Fit(n, c.names, 5)
		must(t, err)
		if start.Reason != c.reason || (len(start.New) == 2) != (c.reason != "") || start.Taken+len(start.New) != 14 {
			t.Errorf("%+v, want %q", start, c.reason)
		}
		want := n.Initialize(5)
		if c.reason == "" {
			want = n.Initialize(1)
		}
		for _, name := range []string{"dense.weight", "dense.bias"} {
			if !slices.Equal(got.Parameter(name).Data, want.Parameter(name).Data) {
				t.Errorf("%q: %s is different", c.reason, name)
			}
		}
	}
}

// TestFaults checks the errors for files and directories without usable parameters.
func TestFaults(t *testing.T) {
	n := network(t, 3, 4, 8)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	damaged := aRun(t, n, threeClasses())
	latest := snapshot.Path(rundir.Layout{Dir: damaged}.Checkpoints(), 20)
	must(t, os.WriteFile(snapshot.CheckpointPath(latest), []byte("x"), 0o600))
	artifacts, err := n.Artifacts(onnxmodels.TrainingOptions{})
	must(t, err)
	training := filepath.Join(dir, "training_model.onnx")
	must(t, modelfile.Write(training, artifacts.Training))
	for path, want := range map[string]string{
		filepath.Join(dir, "nothing"):                        "no such file or directory",
		file("empty/x", "")[:len(dir)+6]:                     "is not a run: take the directory of a run, a checkpoint or a model.onnx",
		filepath.Dir(file("sweep/config.yaml", "name: x\n")): "is a sweep: take one of its runs",
		file("text", "parameters"):                           "not an ONNX model",
		file("short", "x"):                                   "not an ONNX model",
		file("cut", "\x10\x00\x00\x00ODTC"):                  "the file is damaged",
		training:                                             "it is not an inference model",
		latest:                                               "is damaged",
	} {
		_, err := Read(path)
		var wrong *rundir.DataError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) || wrong.Path != path {
			t.Errorf("%s: error %v, want one that has %q", path, err, want)
		}
	}
	if s, err := Read(damaged); err != nil || s.Place != "epoch 1, step 10" {
		t.Errorf("the snapshot before a damaged one was not taken: %v, %v", s, err)
	}
	if _, err := ReadBest(training); err == nil || !strings.Contains(err.Error(), "is not a run") {
		t.Errorf("error %v", err)
	}

	c := n.Initialize(1)
	c.Trainable[3].Data[0] = float32(math.NaN())
	_, _, err = (&Source{Path: "diverged", Parameters: append(c.Trainable, c.Frozen...)}).Fit(n, nil, 1)
	if want := fmt.Sprintf("diverged: parameter %s has numbers that are not finite", c.Trainable[3].Name); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	c = n.Initialize(1)
	c.Trainable[0].Data = c.Trainable[0].Data[1:]
	if _, _, err := (&Source{Parameters: append(c.Trainable, c.Frozen...)}).Fit(n, nil, 1); err == nil || !strings.Contains(err.Error(), "elements in the source, not") {
		t.Errorf("error %v", err)
	}
}
