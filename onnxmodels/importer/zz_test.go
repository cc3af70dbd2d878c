package importer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxlab/onnxmodels/modelfile"
)

func TestZZ(t *testing.T) {
	files, _ := filepath.Glob(os.Getenv("ZOO"))
	for _, f := range files {
		m, err := modelfile.Read(f)
		if err != nil {
			t.Log(f, err)
			continue
		}
		c, err := Read(m, Options{})
		if err != nil {
			lines := strings.Split(err.Error(), "\n")
			t.Log(f, len(lines), strings.Join(lines[:min(4, len(lines))], "\n   "))
			continue
		}
		ops := map[string]int{}
		for _, n := range c.Graph.Nodes {
			ops[n.Op]++
		}
		w, s := 0, 0
		for _, p := range c.Parameters {
			if p.Kind == Weight {
				w++
			} else {
				s++
			}
		}
		t.Log(f, "OK", c.Image, c.Logits, "weights", w, "stats", s, fmt.Sprint(ops))
	}
}
