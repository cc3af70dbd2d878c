//go:build unix

package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/pipeline/internal/cli"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// plantedModels change a model into one that a stranger could send to do harm. The keys are
// the errors that commands must report.
var plantedModels = map[string]func(m *onnxpb.Model){
	`tensor "stage1.conv1.weight": external data: location "../../../../etc/passwd" is outside the folder of the model`: func(m *onnxpb.Model) {
		w := m.Graph.Initializer[0]
		w.Name, w.RawData, w.DataLocation = proto.String("stage1.conv1.weight"), nil, onnxpb.Tensor_EXTERNAL.Enum()
		w.ExternalData = []*onnxpb.Property{{Key: proto.String("location"), Value: proto.String("../../../../etc/passwd")}}
	},
	"dimension 0 of [-1] is out of range": func(m *onnxpb.Model) { m.Graph.Initializer[0].Dims = []int64{-1} },
	"dimension 1 of [2 4611686018427387904] is out of range": func(m *onnxpb.Model) {
		m.Graph.Initializer[0].Dims = []int64{2, 1 << 62}
	},
	"dimension 1 of [2147483647 2147483647] is out of range": func(m *onnxpb.Model) {
		m.Graph.Initializer[0].Dims = []int64{1<<31 - 1, 1<<31 - 1}
	},
	"dimensions [7 9] need 252 bytes": func(m *onnxpb.Model) { m.Graph.Initializer[0].Dims = []int64{7, 9} },
	"the graph is cyclic or out of order": func(m *onnxpb.Model) {
		m.Graph.Node[0].Input[0] = m.Graph.Node[1].Output[0]
	},
	"is already the name of another value": func(m *onnxpb.Model) {
		m.Graph.Node[1].Output[0] = m.Graph.Node[0].Output[0]
	},
	"is a subgraph, which is not supported": func(m *onnxpb.Model) {
		m.Graph.Node[0].Attribute = []*onnxpb.Attribute{{Name: proto.String("body"), G: deepGraph(5)}}
	},
	"not an ONNX model: ": func(m *onnxpb.Model) {
		m.Graph.Node[0].Attribute = []*onnxpb.Attribute{{Name: proto.String("body"), G: deepGraph(10_000)}}
	},
	"it has functions, which is not supported": func(m *onnxpb.Model) {
		m.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 25, protowire.BytesType), []byte{10, 0}))
	},
	`name "\u202ey" has control characters`: func(m *onnxpb.Model) { m.Graph.Node[1].Name = proto.String("\u202ey") },
	`name "\x1b[2J" has control characters`: func(m *onnxpb.Model) { m.Graph.Node[1].Name = proto.String("\x1b[2J") },
	"it has no graph or no IR version":      func(m *onnxpb.Model) { m.Graph = nil },
}

// plantedFiles make files that are not models. The keys are the errors that commands must
// report.
var plantedFiles = map[string]func(good []byte) []byte{
	"not an ONNX model: proto:": func([]byte) []byte { return []byte("This is a text.\n") },
	"not an ONNX model: it has": func([]byte) []byte { return nil },
	"not an ONNX model: ":       func(good []byte) []byte { return good[:len(good)/2] },
	"not an ONNX model": func([]byte) []byte {
		return []byte("\x3a\x80\x80\x80\x80\x0c\x00") // a graph of 3 GB, of which only one byte follows
	},
}

// deepGraph returns nested graphs.
func deepGraph(depth int) *onnxpb.Graph {
	g := &onnxpb.Graph{}
	for range depth {
		g = &onnxpb.Graph{Node: []*onnxpb.Node{{Attribute: []*onnxpb.Attribute{{G: g}}}}}
	}
	return g
}

// fixture is what the tests of planted models need: a run, a picture and the recorded
// outputs of the run's model.
type fixture struct {
	run, picture, recording string
	model                   *onnxpb.Model
}

func (f fixture) modelPath() string { return rundir.Layout{Dir: f.run}.Model() }

func newFixture(t *testing.T) fixture {
	t.Helper()
	dir := t.TempDir()
	f := fixture{run: filepath.Join(dir, "run"), picture: filepath.Join(dir, "p", "000-source.png"), recording: filepath.Join(dir, "outputs.npz")}
	smoke := filepath.Join("..", "configs", "smoke.yaml")
	for _, args := range [][]string{
		{"train", "--config", smoke, "--set", "train.epochs=1", "--out", f.run},
		{"preview", "--config", smoke, "--count", "1", "--variants", "1", "--out", filepath.Dir(f.picture)},
		{"verify", "--run", f.run, "--record", f.recording, "--count", "2"},
	} {
		mustRun(t, args...)
	}
	var err error
	if f.model, err = modelfile.Read(f.modelPath()); err != nil {
		t.Fatal(err)
	}
	return f
}

// plant writes a damaged copy of the fixture's model.
func (f fixture) plant(t *testing.T, damage func(*onnxpb.Model)) string {
	t.Helper()
	m := proto.Clone(f.model).(*onnxpb.Model)
	damage(m)
	data, err := modelfile.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return plantFile(t, data)
}

func plantFile(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "planted.onnx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// running returns commands that run a model.
func (f fixture) running(path string) [][]string {
	return [][]string{
		{"verify", "--model", path, "--set", "data.train=128", "--set", "data.validation=4", "--count", "4"},
		{"predict", "--model", path, f.picture},
		{"predict", "--model", path, "--runtime", "go", f.picture},
		{"evaluate", "--model", path, "--set", "data.train=128", "--set", "data.validation=4"},
		{"evaluate", "--model", path, "--set", "data.train=128", "--set", "data.validation=4", "--runtime", "go"},
		{"bench", "predict", "--model", path, "--seconds", "0.01", "--rounds", "1", "--batch", "1"},
	}
}

// taking returns commands that read a model.
func (f fixture) taking(path string) [][]string {
	return append(f.running(path),
		[]string{"verify", "--model", path, "--against", f.recording},
		[]string{"inspect", path}, []string{"inspect", "--json", path},
		[]string{"inspect", f.modelPath(), path}, []string{"inspect", path, "--diff", f.modelPath()})
}

// refused runs commands that must fail because of bad data: with exit status 3, nothing on
// standard output, and a message with the path and the reason, but without a panic.
func refused(t *testing.T, path, want string, commands [][]string) {
	t.Helper()
	for _, args := range commands {
		cmd := command(t, args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		exit := (*exec.ExitError)(nil)
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		text := stderr.String()
		if code := cmd.ProcessState.ExitCode(); code != cli.ExitData || stdout.Len() > 0 || !strings.Contains(text, want) || !strings.Contains(text, path) || strings.Contains(text, "goroutine ") {
			t.Errorf("%v: exit status %d, want %d and %q\n%s%s", args, code, cli.ExitData, want, stdout.String(), text)
		}
	}
}

// TestPlantedModels gives each command that reads a model files that are not models, and
// models that would do harm.
func TestPlantedModels(t *testing.T) {
	f := newFixture(t)
	good, err := modelfile.Marshal(f.model)
	if err != nil {
		t.Fatal(err)
	}
	for want, damage := range plantedModels {
		path := f.plant(t, damage)
		refused(t, path, want, f.taking(path))
	}
	for want, file := range plantedFiles {
		path := plantFile(t, file(good))
		refused(t, path, want, f.taking(path))
	}
}

// unrunnableModels change a model so that it can be described but not run. The keys are
// parts of the errors that commands must report.
var unrunnableModels = map[string]func(m *onnxpb.Model){
	"Evil":                func(m *onnxpb.Model) { operator(m, "Relu").OpType = proto.String("Evil") },
	"com.evil":            func(m *onnxpb.Model) { operator(m, "Relu").Domain = proto.String("com.evil") },
	"pset 99":             func(m *onnxpb.Model) { m.OpsetImport[0].Version = proto.Int64(99) },
	"16384 pixels a side": func(m *onnxpb.Model) { widen(m.Graph.Input[0]) },
	// These mistakes show only when the models run.
	"Conv": func(m *onnxpb.Model) { attributeOf(operator(m, "Conv"), "kernel_shape").Ints = []int64{5, 5} },
	`run "`: func(m *onnxpb.Model) {
		attributeOf(operator(m, "Conv"), "pads").Ints = []int64{65535, 65535, 65535, 65535}
	},
}

// operator returns the first node of an operator.
func operator(m *onnxpb.Model, op string) *onnxpb.Node {
	for _, n := range m.Graph.Node {
		if n.GetOpType() == op {
			return n
		}
	}
	return nil
}

func attributeOf(n *onnxpb.Node, name string) *onnxpb.Attribute {
	for _, a := range n.Attribute {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}

// widen declares images of 2^62 lines.
func widen(v *onnxpb.ValueInfo) {
	v.GetType().GetTensorType().GetShape().Dim[1].Value = &onnxpb.TensorShape_Dimension_DimValue{DimValue: 1 << 62}
}

// TestUnrunnableModels gives each command that runs a model some that cannot be run, and the
// models of training artifacts. Inspect can describe all of them.
func TestUnrunnableModels(t *testing.T) {
	f := newFixture(t)
	for want, damage := range unrunnableModels {
		path := f.plant(t, damage)
		refused(t, path, want, f.running(path))
		mustRun(t, "inspect", path)
	}
	artifacts := filepath.Join(t.TempDir(), "artifacts")
	mustRun(t, "export", "artifacts", "--config", filepath.Join("..", "configs", "smoke.yaml"), "--out", artifacts)
	for name, want := range map[string]string{
		artifact.TrainingModelFile:  "where a classifier of images has one",
		artifact.EvalModelFile:      "where a classifier of images has one",
		artifact.OptimizerModelFile: "where a classifier of images has one",
		artifact.CheckpointFile:     "not an ONNX model",
	} {
		path := filepath.Join(artifacts, name)
		refused(t, path, want, f.running(path))
		mustRun(t, "inspect", path)
	}
}

// mustRun runs a command, which must succeed, and returns its output.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(t, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestPlantedRuns puts files that are not checkpoints and not models into a run, with correct
// hashes, as an attacker would.
func TestPlantedRuns(t *testing.T) {
	f := newFixture(t)
	model := mustRead(t, f.modelPath())
	unfinished := filepath.Join(t.TempDir(), "unfinished")
	if err := os.CopyFS(unfinished, os.DirFS(f.run)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(rundir.Layout{Dir: unfinished}.Summary()); err != nil {
		t.Fatal(err)
	}
	checkpoints := rundir.Layout{Dir: f.run}.Checkpoints()
	manifest, at, _, err := snapshot.Latest(checkpoints)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := mustRead(t, snapshot.CheckpointPath(at))
	artifacts := filepath.Join(t.TempDir(), "artifacts")
	mustRun(t, "export", "artifacts", "--set", "model.widths=4", "--out", artifacts)
	for want, planted := range map[string]string{
		"not an ONNX Runtime training checkpoint": model,
		"training checkpoint":                     "This is a text.\n",
		"checkpoint":                              checkpoint[:len(checkpoint)/2],
		"parameter":                               mustRead(t, filepath.Join(artifacts, artifact.CheckpointFile)),
	} {
		manifest.Step++
		path := plantSnapshot(t, checkpoints, manifest, planted)
		refused(t, snapshot.CheckpointPath(path), want, [][]string{
			{"export", "model", "--run", f.run, "--out", filepath.Join(t.TempDir(), "m.onnx")},
		})
		path = plantSnapshot(t, rundir.Layout{Dir: unfinished}.Checkpoints(), manifest, planted)
		refused(t, snapshot.CheckpointPath(path), want, [][]string{{"train", "--out", unfinished, "--resume"}})
	}
	for _, planted := range []string{"This is a text.\n", checkpoint, model[:len(model)/2]} {
		replace(t, f.modelPath(), model, planted, rundir.Layout{Dir: f.run}.Summary())
		refused(t, f.modelPath(), "not an ONNX model", [][]string{
			{"verify", "--run", f.run},
			{"predict", "--run", f.run, f.picture},
			{"evaluate", "--run", f.run},
			{"bench", "predict", "--run", f.run},
		})
		replace(t, f.modelPath(), planted, model, rundir.Layout{Dir: f.run}.Summary())
	}
}

// plantSnapshot adds a snapshot to a run as its latest.
func plantSnapshot(t *testing.T, checkpoints string, m snapshot.Manifest, contents string) (path string) {
	t.Helper()
	p, err := snapshot.Begin(checkpoints)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.CheckpointPath(), []byte(contents), 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err = p.Commit(m); err != nil {
		t.Fatal(err)
	}
	return path
}

// replace puts other contents into a file, and replaces the hash of the old contents in the
// file named.
func replace(t *testing.T, path, old, contents, named string) {
	t.Helper()
	hash := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	text := strings.ReplaceAll(mustRead(t, named), hash(old), hash(contents))
	for path, data := range map[string]string{path: contents, named: text} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNamesDoNotCommandTheTerminal: names of classes are shown without control characters.
func TestNamesDoNotCommandTheTerminal(t *testing.T) {
	f := newFixture(t)
	path := f.plant(t, func(m *onnxpb.Model) {
		for _, p := range m.MetadataProps {
			p.Value = proto.String(strings.NewReplacer(`["disc",`, `["\u001b[2J",`, `"ring"`, `"\u009b\u0007"`).Replace(p.GetValue()))
		}
		m.ProducerName = proto.String("\x1b]0;evil\a")
		m.MetadataProps = append(m.MetadataProps, &onnxpb.Property{Key: proto.String("\x1b[31m"), Value: proto.String("\x1b[2J")})
	})
	for _, out := range []string{
		mustRun(t, "predict", "--model", path, "--top", "10", f.picture),
		mustRun(t, "inspect", path),
		mustRun(t, "inspect", path, "--diff", f.modelPath()),
	} {
		if strings.ContainsAny(out, "\x1b\a\u009b") || !strings.Contains(out, "\ufffd[") {
			t.Errorf("it shows %q", out)
		}
	}
	args := []string{"evaluate", "--model", path, "--set", "data.train=128", "--set", "data.validation=4"}
	refused(t, path, `does not know 2 of the 10 classes of "synthetic": "disc", "ring" (it knows "\x1b[2J", "\u009b\a", "square", `, [][]string{args})
}

// TestNamesStayInTheirPlace: names of classes and of images cannot add lines or columns, and
// long ones are cut.
func TestNamesStayInTheirPlace(t *testing.T) {
	f := newFixture(t)
	path := f.plant(t, func(m *onnxpb.Model) {
		for _, p := range m.MetadataProps {
			p.Value = proto.String(strings.NewReplacer(`"disc"`, `"forged.png\tcat 99 %\nforged.png"`, `"ring"`, `"`+strings.Repeat("x", 100_000)+`"`).Replace(p.GetValue()))
		}
	})
	picture := filepath.Join(t.TempDir(), "a\nb\tc.png")
	if err := os.WriteFile(picture, []byte(mustRead(t, f.picture)), 0o600); err != nil {
		t.Fatal(err)
	}
	out := mustRun(t, "predict", "--model", path, "--top", "10", picture)
	if strings.Count(out, "\n") != 1 || strings.Count(out, "\t") != 10 || len(out) > 2000 || !strings.Contains(out, "\tforged.png\ufffdcat 99 %\ufffdforged.png ") {
		t.Errorf("it shows %.3000q", out)
	}
	args := []string{"evaluate", "--model", path, "--set", "data.train=128", "--set", "data.validation=4"}
	refused(t, path, `does not know 2 of the 10 classes of "synthetic": "disc", "ring" (it knows "forged.png\tcat 99 %\nforged.png", "xxxx`, [][]string{args})
}

// TestAnswersThatAreNoNumbers: a model whose outputs are NaN is bad data for every command
// and output format.
func TestAnswersThatAreNoNumbers(t *testing.T) {
	f := newFixture(t)
	path := f.plant(t, func(m *onnxpb.Model) {
		for _, w := range m.Graph.Initializer {
			if w.GetDataType() == int32(graph.Float) {
				w.RawData = bytes.Repeat([]byte{0xff}, len(w.RawData)) // NaN
			}
		}
	})
	for _, runtime := range []string{cli.RuntimeORT, cli.RuntimeGo} {
		predict := []string{"predict", "--model", path, "--runtime", runtime, f.picture}
		evaluate := []string{"evaluate", "--model", path, "--runtime", runtime, "--set", "data.train=128", "--set", "data.validation=4"}
		refused(t, path, fmt.Sprintf("classify %q: ", f.picture), [][]string{predict, append(predict, "--json")})
		refused(t, path, "gives class 0 the logit NaN", [][]string{predict, evaluate, append(evaluate, "--json")})
	}
}
