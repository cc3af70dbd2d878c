//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/pipeline/internal/cli"
)

// TestOpenSize gives commands a classifier that takes images of several sizes, but no size. Those
// that train ask for one, instead of taking the small images that are usual for other networks.
func TestOpenSize(t *testing.T) {
	m, err := modelfile.Read(filepath.Join("..", "onnxmodels", "importer", "testdata", "small_training.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range m.Graph.Input[0].GetType().GetTensorType().GetShape().Dim[2:] {
		d.Value = &onnxpb.TensorShape_Dimension_DimParam{DimParam: []string{"height", "width"}[i]}
	}
	dir := t.TempDir()
	model, config, out := filepath.Join(dir, "open.onnx"), filepath.Join(dir, "open.yaml"), filepath.Join(dir, "out")
	if err := modelfile.Write(model, m); err != nil {
		t.Fatal(err)
	}
	text := "model: {kind: onnx, path: " + model + ", normalize: imagenet}\ndata: {source: folder, path: " + filepath.Join(dir, "images") + "}\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	const asks = "data.size: %q takes images of several sizes: set the size that it was trained for"
	for _, c := range []struct {
		want string
		args []string
	}{
		{asks, []string{"train", "--config", config, "--out", out}},
		{asks, []string{"config", "check", config}},
		{"model %q: it takes images of any size, and none is given: give --size", []string{"export", "artifacts", "--model", model, "--out", out}},
	} {
		cmd := command(t, c.args...)
		printed, err := cmd.CombinedOutput()
		want := strings.ReplaceAll(c.want, "%q", `"`+model+`"`)
		if code := cmd.ProcessState.ExitCode(); err == nil || code != cli.ExitUsage || !strings.Contains(string(printed), want) {
			t.Errorf("%v: exit status %d, %v, want %q\n%s", c.args, code, err, want, printed)
		}
	}
	mustRun(t, "config", "check", config, "--set", "data.size=12")
	mustRun(t, "export", "artifacts", "--model", model, "--out", out, "--size", "12")
	if printed := mustRun(t, "inspect", model, "--size", "12x16"); !strings.Contains(printed, "shapes and costs are for 12x16 pixels") {
		t.Errorf("it prints\n%s", printed)
	}
}
