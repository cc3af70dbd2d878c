package modelfile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
)

// setExternal declares that the tensor's data is in another file.
func setExternal(t *onnxpb.Tensor, pairs ...string) {
	t.RawData, t.DataLocation, t.ExternalData = nil, onnxpb.Tensor_EXTERNAL.Enum(), nil
	for i := 0; i < len(pairs); i += 2 {
		t.ExternalData = append(t.ExternalData, &onnxpb.Property{Key: proto.String(pairs[i]), Value: proto.String(pairs[i+1])})
	}
}

// writeExternal writes a model to dir/model.onnx with the data of its floats in
// dir/model.onnx.data, after a byte that belongs to no tensor.
func writeExternal(t *testing.T, dir string) *modelfile.Model {
	t.Helper()
	m := exampleModel(t)
	outside := proto.Clone(m).(*modelfile.Model)
	data := []byte{255}
	for _, tensor := range outside.Graph.Initializer {
		if graph.Elem(tensor.GetDataType()) != graph.Float {
			continue
		}
		raw := tensor.RawData
		setExternal(tensor, "location", "model.onnx.data", "offset", strconv.Itoa(len(data)), "length", strconv.Itoa(len(raw)))
		data = append(data, raw...)
	}
	write(t, filepath.Join(dir, "model.onnx.data"), data)
	if err := modelfile.Write(filepath.Join(dir, "model.onnx"), outside); err != nil {
		t.Fatal(err)
	}
	return m
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestExternalData: data beside the model is read, and written beside it again.
func TestExternalData(t *testing.T) {
	dir := t.TempDir()
	want := writeExternal(t, dir)
	file, err := modelfile.ReadFile(filepath.Join(dir, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(file.Model, want) {
		t.Error("the model that was read is not the one that was written")
	}
	file.Model.Graph.Initializer[0].RawData = bytes.Repeat([]byte{7}, len(want.Graph.Initializer[0].RawData))
	if err := file.Write(filepath.Join(dir, "next.onnx")); err != nil {
		t.Fatal(err)
	}
	small, _ := os.Stat(filepath.Join(dir, "next.onnx"))
	data, err := os.Stat(filepath.Join(dir, "next.onnx.data"))
	if err != nil || small.Size() == 0 || data.Size() == 0 {
		t.Errorf("the data is not in a file of its own: %v", err)
	}
	next, err := modelfile.Read(filepath.Join(dir, "next.onnx"))
	if err != nil || !proto.Equal(next, file.Model) {
		t.Errorf("a model with new weights was not read as it was written: %v", err)
	}
}

// TestHostileExternalData checks that data is only read from plain files below the model's
// folder, and only if offsets and lengths fit.
func TestHostileExternalData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	m := writeExternal(t, dir)
	size := strconv.Itoa(len(m.Graph.Initializer[0].RawData))
	secret := filepath.Join(filepath.Dir(dir), "secret")
	write(t, secret, bytes.Repeat([]byte{1}, 1<<16))
	write(t, filepath.Join(dir, "below", "data"), bytes.Repeat([]byte{1}, 1<<16))
	for name, target := range map[string]string{"link": secret, "inside": "model.onnx.data", "away": filepath.Dir(dir), "near": "below"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err) // Windows may not let users make links
		}
	}
	for place, want := range map[string]string{
		"../secret":                 "outside the folder",
		secret:                      "outside the folder",
		"below/../../secr":          "outside the folder",
		"":                          "outside the folder",
		"link":                      "a link",
		"inside":                    "a link",
		"away/secret":               "a link",
		"near/data":                 "a link",
		"below":                     "must be in a plain file",
		"nothing":                   `the file "nothing" is missing: it belongs beside the model`,
		"model.onnx.data|offset|-1": "not a number of bytes",
		"model.onnx.data|offset|9223372036854775807":  "too few",
		"model.onnx.data|offset|99999999999999999999": "not a number of bytes",
		"model.onnx.data|length|1":                    "it has 1 bytes, but the dimensions",
		"model.onnx.data|offset|100000":               "too few",
		"below/data":                                  "",
		"below/data|offset|10|length|" + size:         "",
	} {
		parts := strings.Split(place, "|")
		bad := proto.Clone(m).(*modelfile.Model)
		setExternal(bad.Graph.Initializer[0], append([]string{"location"}, parts...)...)
		path := filepath.Join(dir, "bad.onnx")
		if err := modelfile.Write(path, bad); err != nil {
			t.Fatal(err)
		}
		_, err := modelfile.Read(path)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v, want %q", place, err, want)
		}
	}
	bad := proto.Clone(m).(*modelfile.Model)
	tensor := bad.Graph.Initializer[0]
	setExternal(tensor, "location", "below/data")
	tensor.Dims = []int64{1 << 30}
	if err := modelfile.Write(filepath.Join(dir, "bad.onnx"), bad); err != nil {
		t.Fatal(err)
	}
	if _, err := modelfile.Read(filepath.Join(dir, "bad.onnx")); err == nil || !strings.Contains(err.Error(), "more than 2147483647 bytes") {
		t.Errorf("4 GB of a tensor: error %v", err)
	}
	data, err := modelfile.Marshal(bad)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := modelfile.Decode(data); err == nil || !strings.Contains(err.Error(), "in another file") {
		t.Errorf("bytes without a folder: error %v", err)
	}
}
