//go:build cgo

package ortlib_test

import (
	"testing"

	"onnxlab/internal/ortlib"
	"onnxlab/internal/ortlib/ortlibtest"
)

func TestOpen(t *testing.T) {
	ortlibtest.Open(t)
	if version := ortlib.Version(); version != "1.28.0" {
		t.Errorf("version is %q, want 1.28.0", version)
	}
}
