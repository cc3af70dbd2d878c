package trainloop

import (
	"errors"
	"testing"

	"onnxlab/configs"
)

// TestExplainMemory checks that the message ends with ONNX Runtime's text, after the
// settings that let fewer images through at once. On a GPU the parts of a batch go through
// together, and with a micro-batch the number of replicas makes no difference.
func TestExplainMemory(t *testing.T) {
	const (
		problem = "Failed to allocate memory for requested buffer of size 5"
		raise   = "raise train.replicas, which computes its parts one after the other"
		set     = "set train.micro_batch to 16, which computes the parts one after the other"
		both    = "raise train.replicas and set train.micro_batch to the images of one replica, which computes the replicas one after the other"
	)
	for _, c := range []struct {
		device          configs.Device
		replicas, micro int
		images, advice  string
	}{
		{"cpu", 8, 0, "16", raise},
		{"cpu", 8, 32, "32", set},
		{"cpu", 8, 16, "16", both},
		{"cpu", 1, 0, "128", raise},
		{"cuda", 8, 0, "128", set},
		{"cuda", 8, 16, "16", both},
		{"cuda", 1, 0, "128", both},
	} {
		e := configs.Default()
		e.Runtime.Device, e.Train.Replicas, e.Train.MicroBatch = c.device, c.replicas, c.micro
		want := "out of memory with " + c.images + " images at once: lower train.batch_size, or " + c.advice + " (" + problem + ")"
		if got := explainMemory(errors.New("somewhere/allocator.cc:376 "+problem), e); got.Error() != want {
			t.Errorf("%+v:\ngot  %v\nwant %s", c, got, want)
		}
	}
	if other := errors.New("another"); !errors.Is(explainMemory(other, configs.Default()), other) {
		t.Error("another error became an error of memory")
	}
}
