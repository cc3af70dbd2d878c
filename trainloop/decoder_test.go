package trainloop

import (
	"strings"
	"testing"

	"onnxlab/dataset"
	"onnxlab/trainloop/rundir"
	"onnxlab/trainloop/snapshot"
)

// TestOtherDecoder checks that the error names the decoder with which a run began, if it is
// another now.
func TestOtherDecoder(t *testing.T) {
	r := &run{Options: Options{Train: &dataset.Set{Decoder: "go go1.26"}}}
	r.environment = rundir.Environment{Data: rundir.Data{Decoder: "libjpeg-turbo 3.0.1"}}
	r.at.ConfigHash, r.at.DataHash = "a", "new"
	list := r.differences("snapshot", snapshot.Manifest{ConfigHash: "a", DataHash: "old"})
	if text := strings.Join(list, "\n"); !strings.Contains(text, "the decoder of JPEG images, libjpeg-turbo 3.0.1, became go go1.26") {
		t.Errorf("differences %q", list)
	}
	if list := r.differences("snapshot", snapshot.Manifest{ConfigHash: "a", DataHash: "new"}); strings.Contains(strings.Join(list, "\n"), "decoder") {
		t.Errorf("the same data differs by %q", list)
	}
}
