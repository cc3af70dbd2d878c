//go:build cgo

package session

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"onnxlab/internal/ownprocess"
	"onnxlab/onnxmodels"
	"onnxlab/ort/fakecuda"
	"onnxlab/ort/library/librarytest"
)

// TestGPUThread calls sessions on the GPU from one new thread after another, as may happen
// to a goroutine. After the first calls, no call allocates more memory or another stream,
// which shows as a new cuDNN handle whose stream is set. A process can load only one
// library, so this test needs a process of its own.
func TestGPUThread(t *testing.T) {
	if !ownprocess.Is(t) {
		err := ownprocess.Run(t, func(cmd *exec.Cmd) {
			for name, value := range fakecuda.Environ(t) {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			cmd.Env = append(cmd.Env, librarytest.EnvDevice+"=cuda", fakecuda.EnvLog+"="+filepath.Join(t.TempDir(), "log"))
		})
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	n := cnn(t, 8, []int{4, 8}, 1)
	tr := trainer(t, n, n.Initialize(1), setup{onnxmodels.TrainingOptions{Momentum: 0.9, Target: onnxmodels.TargetCUDA}, 16, 16})
	inference, err := n.Inference(n.Initialize(1), onnxmodels.InferenceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	model, err := NewModel(marshal(t, inference), Options{Device: "cuda"})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close() // the process ends
	images, labels := randomBatch(16, 8)
	for name, call := range map[string]func() error{
		"train step": func() error { _, err := tr.Step(images, labels, 0.1, 0); return err },
		"predict":    func() error { _, _, err := model.Predict(t.Context(), images); return err },
	} {
		var taken []int
		for range 5 {
			if err := onNewThread(t, call); err != nil {
				t.Fatal(err)
			}
			taken = append(taken, allocations(t))
		}
		if first, last := taken[1], taken[4]; last != first {
			t.Errorf("%s on other threads allocates on the GPU: %v times after each call, want the same after two", name, taken)
		}
	}
}

// onNewThread makes the call on a new thread of the operating system, which lives until the
// test ends.
func onNewThread(t *testing.T, call func() error) error {
	ended, done := make(chan struct{}), make(chan error)
	t.Cleanup(func() { close(ended) })
	go func() {
		runtime.LockOSThread()
		done <- call()
		<-ended
	}()
	return <-done
}

// allocations counts the requests for memory and streams of the GPU.
func allocations(t *testing.T) int {
	log, err := os.ReadFile(os.Getenv(fakecuda.EnvLog))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(log), "allocate ") + strings.Count(string(log), "cudnnSetStream\n")
}
