package modelfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/modelfile"
)

// exampleModel returns a small model of a network.
func exampleModel(t testing.TB) *modelfile.Model {
	n, err := onnxmodels.CNN(onnxmodels.CNNOptions{Height: 4, Width: 4, Widths: []int{2}, Convolutions: 1, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	m, err := n.Inference(n.Initialize(1), onnxmodels.InferenceOptions{Classes: []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// unread gives a message a field that the schema does not know, holding a
// message of its own.
func unread(m proto.Message, number protowire.Number) {
	m.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), []byte{10, 0}))
}

// attribute adds an attribute to the first node.
func attribute(m *onnxpb.Model) *onnxpb.Attribute {
	a := &onnxpb.Attribute{Name: proto.String("added")}
	m.Graph.Node[0].Attribute = append(m.Graph.Node[0].Attribute, a)
	return a
}

// TestRead checks that errors name what is wrong with a model.
func TestRead(t *testing.T) {
	tensor := func(m *onnxpb.Model) *onnxpb.Tensor { return m.Graph.Initializer[0] }
	for want, damage := range map[string]func(m *onnxpb.Model){
		"":                            func(*onnxpb.Model) {},
		"no graph":                    func(m *onnxpb.Model) { m.Graph = nil },
		"dimension 0 of [-1]":         func(m *onnxpb.Model) { tensor(m).Dims = []int64{-1} },
		"dimension 1 of [2 461":       func(m *onnxpb.Model) { tensor(m).Dims = []int64{2, 1 << 62} },
		"dimension 2 of [65536":       func(m *onnxpb.Model) { tensor(m).Dims = []int64{1 << 16, 1 << 14, 1 << 16} },
		"dimensions [7 9]":            func(m *onnxpb.Model) { tensor(m).Dims = []int64{7, 9} },
		`name "\x1b[2J" has control`:  func(m *onnxpb.Model) { m.Graph.Node[1].Name = proto.String("\x1b[2J") },
		`name "Add\u009b"`:            func(m *onnxpb.Model) { m.Graph.Node[1].OpType = proto.String("Add\u009b") },
		`name "\n" has control`:       func(m *onnxpb.Model) { m.Graph.Input[0].Name = proto.String("\n") },
		`name "a\x00" has control`:    func(m *onnxpb.Model) { attribute(m).Name = proto.String("a\x00") },
		"cyclic or out of order":      func(m *onnxpb.Model) { m.Graph.Node[0].Input[0] = m.Graph.Node[1].Output[0] },
		"already the name":            func(m *onnxpb.Model) { m.Graph.Node[1].Output[0] = m.Graph.Node[0].Output[0] },
		"is not computed by any node": func(m *onnxpb.Model) { m.Graph.Output[0].Name = proto.String("nothing") },
		"it has training inf":         func(m *onnxpb.Model) { unread(m, 20) },
		"it has functions":            func(m *onnxpb.Model) { unread(m, 25) },
		"sparse initializers":         func(m *onnxpb.Model) { unread(m.Graph, 15) },
		"a list of tensors":           func(m *onnxpb.Model) { unread(attribute(m), 10) },
		"a list of graphs":            func(m *onnxpb.Model) { unread(attribute(m), 11) },
		"a sparse tensor":             func(m *onnxpb.Model) { unread(attribute(m), 22) },
		"a list of sparse":            func(m *onnxpb.Model) { unread(attribute(m), 23) },
		"need 4 numbers":              func(m *onnxpb.Model) { tensor(m).Dims, tensor(m).RawData = []int64{4}, nil },
		"subgraph":                    func(m *onnxpb.Model) { m.Graph.Node[0].Attribute = []*onnxpb.Attribute{{G: &onnxpb.Graph{}}} },
	} {
		m := exampleModel(t)
		damage(m)
		path := filepath.Join(t.TempDir(), "model.onnx")
		if err := modelfile.Write(path, m); err != nil {
			t.Fatal(err)
		}
		_, err := modelfile.Read(path)
		switch {
		case want == "" && err != nil:
			t.Errorf("a good model was refused: %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path)):
			t.Errorf("error %v, want one that has %q and the path", err, want)
		}
	}
	if _, err := modelfile.Read(t.TempDir()); err == nil {
		t.Error("a directory was read")
	}
}

// TestReadErrors checks that errors have the path only once, and the cause by itself.
func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	damaged, missing := filepath.Join(dir, "damaged.onnx"), filepath.Join(dir, "missing.onnx")
	write(t, damaged, []byte("no model"))
	for path, want := range map[string]string{damaged: "not an ONNX model: ", missing: "no such file or directory"} {
		_, err := modelfile.Read(path)
		var cause *fs.PathError
		if !errors.As(err, &cause) || cause.Path != path || !strings.HasPrefix(cause.Err.Error(), want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("error %v, want the path once and then %q", err, want)
		}
	}
	if _, err := modelfile.Read(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want that the file does not exist", err)
	}
}

// TestDeepSubgraphs: nesting beyond protobuf's limit is an error, not a crash.
func TestDeepSubgraphs(t *testing.T) {
	g := &onnxpb.Graph{}
	for range 11_000 {
		g = &onnxpb.Graph{Node: []*onnxpb.Node{{Attribute: []*onnxpb.Attribute{{G: g}}}}}
	}
	data, err := proto.Marshal(&modelfile.Model{IrVersion: proto.Int64(8), Graph: g})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := modelfile.Decode(data); err == nil {
		t.Error("a graph 11,000 deep was accepted")
	}
}

// TestLengthPrefix: a length of 3 GB in a small file takes no memory.
func TestLengthPrefix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(path, []byte("\x3a\x80\x80\x80\x80\x0c\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := modelfile.Read(path); err == nil {
		t.Error("a model with a false length was accepted")
	}
}

// maxMessages is the most parts that a model may have.
const maxMessages = 1 << 18

// TestManyParts checks that a file of many empty parts, two bytes each, is refused before
// decoding takes some hundred bytes for each of them.
func TestManyParts(t *testing.T) {
	repeat := func(part string) []byte { return bytes.Repeat([]byte(part), maxMessages) }
	within := func(number protowire.Number, data []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), data)
	}
	for name, data := range map[string][]byte{
		"nodes":        within(7, repeat("\x0a\x00")),
		"initializers": within(7, repeat("\x2a\x00")),
		"attributes":   within(7, within(1, repeat("\x2a\x00"))),
		"metadata":     repeat("\x72\x00"),
		"two graphs":   bytes.Repeat(within(7, bytes.Repeat([]byte("\x0a\x00"), maxMessages/2)), 2),
	} {
		if _, err := modelfile.Decode(append([]byte("\x08\x08\x72\x00"), data...)); err == nil || !strings.Contains(err.Error(), "more than 262144 nodes") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	model := append([]byte("\x08\x08"), within(7, bytes.Repeat([]byte("\x72\x00"), maxMessages-1))...) // fields that are not read
	if _, err := modelfile.Decode(model); err != nil {
		t.Error(err)
	}
}

// FuzzDecode: no input panics.
func FuzzDecode(f *testing.F) {
	data, err := modelfile.Marshal(exampleModel(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = modelfile.Decode(data)
	})
}
