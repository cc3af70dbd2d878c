package trainloop

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/configs"
	"onnxlab/dataset"
	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/trainloop/rundir"
)

// givenModel returns the path of a small classifier with 5 classes, in a form in which
// PyTorch exports it: see onnxmodels/importer/testdata/make.py.
func givenModel(form string) string {
	return filepath.Join("..", "onnxmodels", "importer", "testdata", "small_"+form+".onnx")
}

// smallGiven returns options that train the classifier on 48 images of 3 plain colours.
func smallGiven(t *testing.T, form string, sets ...string) Options {
	t.Helper()
	o := small(t, append([]string{"model.kind=onnx", "model.path=" + givenModel(form), "model.normalize=imagenet", "augment.recipe=none", "train.batch_size=12"}, sets...)...)
	set := &dataset.Set{Name: "own", Classes: []string{"dark", "grey", "light"}, Height: 12, Width: 12}
	for i := range 48 {
		set.Pixels = append(set.Pixels, bytes.Repeat([]uint8{uint8(i%3*100 + i)}, 12*12*3)...)
		set.Labels = append(set.Labels, int32(i%3))
	}
	o.Train, o.Validation, o.Experiment.Model.Classes = set, set, 0
	return o
}

// TestGiven checks that a given classifier is trained with a new last layer for the classes
// of the images, and that the written model differs from the original only in its
// parameters.
func TestGiven(t *testing.T) {
	for _, form := range []string{"training", "inference", "default"} {
		o := smallGiven(t, form, "model.train=[head]")
		s := mustRun(t, o)
		if s.Parameters == 0 {
			t.Errorf("%s: summary %+v", form, s)
		}
		written, was := initializers(t, rundir.Layout{Dir: o.Dir}.FineTuned()), initializers(t, givenModel(form))
		for name, data := range was {
			if got := written[name]; got == nil || strings.HasPrefix(name, "head.") == bytes.Equal(got, data) {
				t.Errorf("%s: %q stayed: %t", form, name, bytes.Equal(got, data))
			}
		}
		e, err := rundir.ReadEnvironment(o.Dir)
		if err != nil || e.Model == nil || e.Model.Path != givenModel(form) || len(e.Model.SHA256) != 64 {
			t.Errorf("%s: environment.json has the model %+v, %v", form, e.Model, err)
		}
	}
}

// TestGivenDenseLayer trains a classifier whose last layer is a product and a sum, as Keras and
// PaddlePaddle export it. Lowered, they are one node, which must give the model's output.
func TestGivenDenseLayer(t *testing.T) {
	m, err := modelfile.Read(givenModel("training"))
	if err != nil {
		t.Fatal(err)
	}
	gemm := m.Graph.Node[len(m.Graph.Node)-1]
	if gemm.GetOpType() != "Gemm" {
		t.Fatalf("the last node is %v", gemm)
	}
	product, name := proto.Clone(gemm).(*onnxpb.Node), "product"
	product.OpType, product.Attribute = proto.String("MatMul"), nil
	product.Input, product.Output = []string{gemm.Input[0], "turned"}, []string{name}
	turn := &onnxpb.Node{OpType: proto.String("Transpose"), Input: gemm.Input[1:2], Output: []string{"turned"}}
	sum := &onnxpb.Node{OpType: proto.String("Add"), Input: []string{name, gemm.Input[2]}, Output: gemm.Output}
	m.Graph.Node = append(m.Graph.Node[:len(m.Graph.Node)-1], turn, product, sum)
	path := filepath.Join(t.TempDir(), "dense.onnx")
	if err := modelfile.Write(path, m); err != nil {
		t.Fatal(err)
	}
	o := smallGiven(t, "training")
	same := beside(o, "same")
	same.Experiment.Model.Path = path
	if a, b := mustRun(t, o), mustRun(t, same); math.Abs(a.Loss-b.Loss) > 1e-5*a.Loss || math.Abs(a.ValLoss-b.ValLoss) > 1e-4*a.ValLoss {
		t.Errorf("losses %v and %v, as Gemm %v and %v", b.Loss, b.ValLoss, a.Loss, a.ValLoss)
	}
}

// initializers returns the data of a model's parameters.
func initializers(t *testing.T, path string) map[string][]byte {
	t.Helper()
	file, err := modelfile.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := importer.Read(file.Model, importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	data := map[string][]byte{}
	for _, p := range m.Parameters {
		data[p.Name] = p.Tensor.GetRawData()
	}
	return data
}

// TestGivenResumes checks that a run of a given classifier ends the same if it is
// interrupted, and cannot be resumed with another model.
func TestGivenResumes(t *testing.T) {
	o := smallGiven(t, "training")
	mustRun(t, o)
	cut := beside(o, "cut")
	cutAfter(t, cut, 5)
	other := longer(cut, o.Experiment.Train.Epochs)
	other.Experiment.Model.Path = givenModel("inference")
	var mismatch *Mismatch
	if _, err := Run(t.Context(), other); !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "model.path: ") {
		t.Errorf("with another model: %v", err)
	}
	cut.Resume = true
	mustRun(t, cut)
	sameOutcome(t, o.Dir, cut.Dir)
	a, err := os.ReadFile(rundir.Layout{Dir: o.Dir}.FineTuned())
	b, err2 := os.ReadFile(rundir.Layout{Dir: cut.Dir}.FineTuned())
	if err != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Errorf("the written models differ: %v, %v", err, err2)
	}
}

func TestGivenRefusals(t *testing.T) {
	damaged := filepath.Join(t.TempDir(), "damaged.onnx")
	if err := os.WriteFile(damaged, []byte("no model"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(m *configs.Model)
		want   []string
	}{
		{func(m *configs.Model) { m.Path = "" }, []string{"model.path"}},
		{func(m *configs.Model) { m.Path = "missing.onnx" }, []string{"missing.onnx: read model: no such file"}},
		{func(m *configs.Model) { m.Path = damaged }, []string{"damaged.onnx"}},
		{func(m *configs.Model) { m.Head = configs.HeadKeep }, []string{"model.head: keep", "5 classes, but the data has 3", "auto or replace"}},
		{func(m *configs.Model) { m.Train = []string{"tail.*"} }, []string{"model.train", `"tail.*"`}},
		{func(m *configs.Model) { m.Train = []string{"all", "-*"} }, []string{"model.train", "no parameter is left"}},
		{func(m *configs.Model) { m.Normalize = "auto" }, []string{"model.normalize", "metadata"}},
		{func(m *configs.Model) { m.Normalize = "0,0/1,1" }, []string{"model.normalize", "2 numbers"}},
		{func(m *configs.Model) { m.Normalize = "0/x" }, []string{"model.normalize", `"x" is no number`}},
	} {
		o := smallGiven(t, "training")
		c.change(&o.Experiment.Model)
		_, err := Run(t.Context(), o)
		if err == nil || slices.ContainsFunc(c.want, func(part string) bool { return !strings.Contains(err.Error(), part) }) {
			t.Errorf("error %v, want %q", err, c.want)
		}
		if _, early := CheckGiven(o.Experiment); o.Experiment.Model.Head != configs.HeadKeep && early == nil {
			t.Errorf("CheckGiven does not find: %v", err)
		}
	}
	o := smallGiven(t, "training")
	o.Train = &dataset.Set{Name: "wide", Classes: o.Train.Classes, Height: 12, Width: 16, Pixels: make([]uint8, 48*12*16*3), Labels: o.Train.Labels}
	o.Validation = o.Train
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "takes 12x12") {
		t.Errorf("error %v", err)
	}
}

// TestForeseenClasses checks that a number of classes that does not fit the model is found
// before any image is read: these images are empty files.
func TestForeseenClasses(t *testing.T) {
	dir := t.TempDir()
	for _, class := range []string{"dark", "grey", "light"} {
		if err := os.Mkdir(filepath.Join(dir, class), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, class, "1.png"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e := smallGiven(t, "training").Experiment
	e.Data = configs.Data{Source: "folder", Path: dir, Size: 12}
	for head, want := range map[string]string{configs.HeadKeep: "5 classes, but the data has 3", configs.HeadAuto: "", configs.HeadReplace: ""} {
		e.Model.Head = head
		if _, err := CheckGiven(e); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", head, err, want)
		}
	}
	e.Data.Path = filepath.Join(dir, "missing")
	if _, err := CheckGiven(e); err != nil {
		t.Errorf("without the data: %v", err)
	}
}

// TestBatchNormNote checks that a mode of batch normalisation that a model does not have is
// noted when the settings are checked and when the run begins.
func TestBatchNormNote(t *testing.T) {
	const want = `model.batchnorm.mode: freeze does nothing, since "../onnxmodels/importer/testdata/small_%s.onnx" has no BatchNormalization`
	for form, mode := range map[string]string{"inference": configs.BatchNormFreeze, "training": configs.BatchNormTrain, "default": configs.BatchNormAuto} {
		o := smallGiven(t, form, "model.batchnorm="+mode)
		var said []string
		o.Note = func(text string) { said = append(said, text) }
		mustRun(t, o)
		o.Experiment.Data.Size = 12 // that of the images above
		notes, err := CheckGiven(o.Experiment)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range notes {
			if !slices.Contains(said, n.Message) {
				t.Errorf("%s: the run does not say %q, but %q", form, n.Message, said)
			}
		}
		if noted := len(notes) == 1 && strings.HasPrefix(notes[0].Message, fmt.Sprintf(want, form)); noted != (form == "inference") {
			t.Errorf("%s: notes %v", form, notes)
		}
	}
}

// fiveClasses returns the training images with as many classes as the model has.
func fiveClasses(o Options) *dataset.Set {
	set := *o.Train
	set.Classes = []string{"dark", "grey", "light", "red", "blue"}
	return &set
}
