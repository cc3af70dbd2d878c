package session

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/library/librarytest"
)

// targets returns all targets of training models.
func targets() []string { return append(onnxmodels.Targets(), onnxmodels.TargetNative) }

// correctedNetwork returns the network of testdata/statistics.py.
func correctedNetwork(t *testing.T) *onnxmodels.Network {
	t.Helper()
	n, err := onnxmodels.CNN(onnxmodels.CNNOptions{
		Height: 8, Width: 8, Widths: []int{4, 6}, Convolutions: 1, Classes: 10,
		BatchNorm: onnxmodels.BatchNormOptions{Momentum: 0.75, Corrected: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCorrectedStatisticsAgreeWithPyTorch compares the statistics after each of seven steps.
// Only from the fifth step on does the momentum matter.
func TestCorrectedStatisticsAgreeWithPyTorch(t *testing.T) {
	a, n := reference(t, "statistics.npz"), correctedNetwork(t)
	rates := a["rate"].Float64()
	for _, target := range targets() {
		c := n.Initialize(1)
		for _, list := range [][]checkpoint.Tensor{c.Trainable, c.Frozen} {
			for i := range list {
				if list[i].Name != onnxmodels.StepCounter {
					list[i].Data = a["param/"+list[i].Name].Float32()
				}
			}
		}
		tr := trainer(t, n, c, setup{onnxmodels.TrainingOptions{Momentum: 0.9, Target: target}, 8, 8})
		for step, rate := range rates {
			key := fmt.Sprintf("batch/%d/", step)
			r, err := tr.Step(a[key+"image"].Uint8(), a[key+"label"].Int64(), rate, 0)
			if err != nil {
				t.Fatal(err)
			}
			if want := a["loss"].Float64()[step]; math.Abs(r.Loss-want) > within(1e-5, 1e-3)*want {
				t.Errorf("%s: step %d: loss %v, PyTorch %v", target, step, r.Loss, want)
			}
			for _, s := range saved(t, tr).Frozen {
				if s.Name == onnxmodels.StepCounter {
					if s.Data[0] != float32(step+1) {
						t.Errorf("%s: %v steps are counted after %d", target, s.Data, step+1)
					}
					continue
				}
				want := a[fmt.Sprintf("corrected/%d/%s", step, s.Name)].Float64()
				if e := relativeRMS(float64s(s.Data), want); !(e < within(1e-5, 1e-3)) {
					t.Errorf("%s: step %d: %s: relative error %v", target, step, s.Name, e)
				}
			}
		}
	}
}

// TestCorrectedStatisticsByHand normalises the images themselves, so that the test can compute
// the expected statistics. It uses ghost batches and micro-batches, starts from initial values
// that must leave no trace, and saves and rereads the state after every step.
func TestCorrectedStatisticsByHand(t *testing.T) {
	const momentum, steps, batch, size = 0.6, 5, 12, 4
	n, err := onnxmodels.NewNetwork(size, size,
		onnxmodels.Scope("outer", onnxmodels.BatchNorm("norm", onnxmodels.BatchNormOptions{Momentum: momentum, Corrected: true})),
		onnxmodels.GlobalAveragePool("pool"), onnxmodels.Dense("dense", 10))
	if err != nil {
		t.Fatal(err)
	}
	images, labels := randomBatch(steps*batch, size)
	pixels := batch * size * size * 3
	for _, parts := range []struct{ ghosts, micro int }{{1, 1}, {3, 1}, {1, 3}, {2, 2}} {
		means, variances := [3]float64{}, [3]float64{}
		for _, target := range targets() {
			c := n.Initialize(1)
			for i := range c.Frozen {
				if c.Frozen[i].Name != onnxmodels.StepCounter {
					c.Frozen[i].Data = []float32{1e6, 3e8, -1e7}
				}
			}
			for step := range steps {
				weight := max(1/float64(step+1), 1-momentum)
				m, v := momentsByHand(images[step*pixels:][:pixels], parts.ghosts*parts.micro)
				for i := range means {
					if step == 0 {
						means[i], variances[i] = 0, 0
					}
					means[i] += weight * (m[i] - means[i])
					variances[i] += weight * (v[i] - variances[i])
				}
				o := onnxmodels.TrainingOptions{Momentum: 0.9, GhostBatches: parts.ghosts, MicroBatches: parts.micro, Target: target}
				tr := trainer(t, n, c, setup{o, batch, batch / parts.micro})
				if _, err := tr.Step(images[step*pixels:][:pixels], labels[:batch], 0.1, 0); err != nil {
					t.Fatal(err)
				}
				c = saved(t, tr)
				near(t, c, "outer.norm.running_mean", means)
				near(t, c, "outer.norm.running_var", variances)
				if got := c.Parameter(onnxmodels.StepCounter).Data[0]; got != float32(step+1) {
					t.Errorf("%s, %+v: %v steps are counted after %d", target, parts, got, step+1)
				}
			}
		}
	}
}

// momentsByHand scales the images to 0..1 and returns the mean and the unbiased variance of each
// colour, both averaged over the parts.
func momentsByHand(images []uint8, parts int) (mean, variance [3]float64) {
	size := len(images) / parts
	for part := range parts {
		var sum, squares [3]float64
		for i, b := range images[part*size:][:size] {
			x := float64(b) / 255
			sum[i%3] += x
			squares[i%3] += x * x
		}
		n := float64(size / 3)
		for c := range sum {
			mean[c] += sum[c] / n / float64(parts)
			variance[c] += (squares[c] - sum[c]*sum[c]/n) / (n - 1) / float64(parts)
		}
	}
	return mean, variance
}

func near(t *testing.T, c *checkpoint.Checkpoint, name string, want [3]float64) {
	t.Helper()
	for i, got := range c.Parameter(name).Data {
		if e := math.Abs(float64(got) - want[i]); !(e < within(1e-6, 1e-4)*want[i]) {
			t.Errorf("%s of channel %d: %v, want %v", name, i, got, want[i])
		}
	}
}

// TestMomentsAgreeWithPrecise compares recomputed running statistics with those of fvcore's
// update_bn_stats, the implementation of the paper's authors.
func TestMomentsAgreeWithPrecise(t *testing.T) {
	librarytest.Open(t)
	a, n := reference(t, "statistics.npz"), correctedNetwork(t)
	c := n.Initialize(1)
	for i := range c.Trainable {
		c.Trainable[i].Data = a["final/"+c.Trainable[i].Name].Float32()
	}
	for _, target := range targets() {
		m, err := n.Moments(c, onnxmodels.InferenceOptions{Target: target, Block: Block()})
		if err != nil {
			t.Fatal(err)
		}
		for step := range len(a["rate"].Float64()) {
			if err := m.Add(momentsOf(t, m, target, a[fmt.Sprintf("batch/%d/image", step)].Uint8())); err != nil {
				t.Fatal(err)
			}
		}
		checkStatistics(t, target, n, m.Statistics(), func(name string) []float64 { return a["recalibrated/"+name].Float64() })
	}
}

// momentsOf runs the model that computes moments on images of 8x8 pixels.
func momentsOf(t *testing.T, m *onnxmodels.Moments, target string, images []uint8) [][]float32 {
	t.Helper()
	data, err := modelfile.Marshal(m.Model)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Threads: 2}
	if target == onnxmodels.TargetCUDA {
		o.Device = librarytest.Device()
	}
	p, err := NewProbe(data, onnxmodels.InputImage, m.Outputs, o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	values, err := p.RunImages(images, 8, 8, 3)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// checkStatistics compares all running statistics of the network with those that want returns.
func checkStatistics(t *testing.T, target string, n *onnxmodels.Network, got []checkpoint.Tensor, want func(name string) []float64) {
	t.Helper()
	var names []string
	for _, s := range got {
		names = append(names, s.Name)
		if e := relativeRMS(float64s(s.Data), want(s.Name)); !(e < within(1e-5, 1e-3)) {
			t.Errorf("%s: %s %v, want %v", target, s.Name, s.Data, want(s.Name))
		}
	}
	for _, p := range n.Parameters() {
		if strings.Contains(p.Name, ".running_") && !slices.Contains(names, p.Name) {
			t.Errorf("%s: %s is not measured", target, p.Name)
		}
	}
}

// TestMomentsByHand measures the moments of the images themselves, in batches and all at once:
// both give the same statistics.
func TestMomentsByHand(t *testing.T) {
	librarytest.Open(t)
	n, err := onnxmodels.NewNetwork(8, 8, onnxmodels.BatchNorm("norm", onnxmodels.BatchNormOptions{}), onnxmodels.Dropout("drop", 0.5),
		onnxmodels.GlobalAveragePool("pool"), onnxmodels.Dense("dense", 10))
	if err != nil {
		t.Fatal(err)
	}
	images, _ := randomBatch(12, 8)
	mean, variance := momentsByHand(images, 1)
	count := float64(len(images) / 3)
	for _, size := range []int{2, 3, 12} {
		m, err := n.Moments(n.Initialize(1), onnxmodels.InferenceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for part := range slices.Chunk(images, size*8*8*3) {
			if err := m.Add(momentsOf(t, m, "", part)); err != nil {
				t.Fatal(err)
			}
		}
		checkStatistics(t, fmt.Sprint(size), n, m.Statistics(), func(name string) []float64 {
			if name == "norm.running_mean" {
				return mean[:]
			}
			return []float64{variance[0] * (count - 1) / count, variance[1] * (count - 1) / count, variance[2] * (count - 1) / count}
		})
	}
}
