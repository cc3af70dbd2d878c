package session

import (
	"math"
	"slices"
	"strings"
	"testing"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/ort/library/librarytest"
)

// greyPair is a network for grey images with its parameters, and the same network for images in
// colour. It gives the same results for three equal channels, because its first convolution has
// the grey network's weights for one of them and zeros for the others. So the layers' results
// are equal to the last bit. Otherwise ReLU would cut off a value next to zero in one network
// only, and the gradients would differ by a hundredth.
type greyPair struct {
	grey, colour             *onnxmodels.Network
	greyState, colourState   *checkpoint.Checkpoint
	greyImages, colourImages []uint8
	labels                   []int64
}

const firstWeight = "stage1.conv1.weight"

func newGreyPair(t *testing.T, batch, side int) greyPair {
	librarytest.Open(t)
	t.Helper()
	network := func(channels int) *onnxmodels.Network {
		n, err := onnxmodels.CNN(onnxmodels.CNNOptions{Height: side, Width: side, Channels: channels, Widths: []int{16, 32}, Convolutions: 2, Classes: 10})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	p := greyPair{grey: network(1), colour: network(3)}
	p.greyState, p.colourState = p.grey.Initialize(5), p.colour.Initialize(5)
	from, to := p.greyState.Parameter(firstWeight), p.colourState.Parameter(firstWeight)
	if !slices.Equal(from.Shape, []int{16, 1, 3, 3}) {
		t.Fatalf("%s is %v", firstWeight, from.Shape)
	}
	for i := range to.Data {
		to.Data[i] = 0
		if i/9%3 == 1 {
			to.Data[i] = from.Data[i/27*9+i%9]
		}
	}
	images, labels := randomBatch(batch, side)
	p.labels = labels
	p.greyImages = images[:batch*side*side]
	for _, v := range p.greyImages {
		p.colourImages = append(p.colourImages, v, v, v)
	}
	return p
}

// TestGreyStep compares loss and gradients of one step on grey images with those on three equal
// channels, for which other tests compare with PyTorch, for each target and with ghost batches.
func TestGreyStep(t *testing.T) {
	const batch, side = 16, 14
	p := newGreyPair(t, batch, side)
	for _, ghosts := range []int{1, 4} {
		for _, target := range append(onnxmodels.Targets(), onnxmodels.TargetNative) {
			o := onnxmodels.TrainingOptions{Momentum: 0.9, Target: target, GhostBatches: ghosts, Block: Block()}
			grey := trainer(t, p.grey, p.greyState, setup{o, batch, batch})
			colour := trainer(t, p.colour, p.colourState, setup{o, batch, batch})
			got, err := grey.Step(p.greyImages, p.labels, 1, 0)
			if err != nil {
				t.Fatal(err)
			}
			want, err := colour.Step(p.colourImages, p.labels, 1, 0)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(got.Loss-want.Loss) > 1e-5*want.Loss || got.Correct != want.Correct {
				t.Errorf("%s, %d ghost batches: %+v, in colour %+v", target, ghosts, got, want)
			}
			all := gradients(t, saved(t, colour), 0.9)
			for name, g := range gradients(t, saved(t, grey), 0.9) {
				w := all[name]
				if name == firstWeight { // equal channels have equal gradients
					w = nil
					for i := range g {
						w = append(w, all[name][i/9*27+i%9])
					}
				} else if strings.Contains(name, "conv") && strings.HasSuffix(name, "bias") {
					checkZero(t, name, g) // BatchNorm subtracts the mean
					continue
				}
				if e := relativeRMS(g, w); !(e < within(1e-4, 1e-3)) {
					t.Errorf("%s, %d ghost batches: gradient of %s differs by %v", target, ghosts, name, e)
				}
			}
		}
	}
}

// TestGreyInference compares models for grey images, with uint8 and with float32 input, in ONNX
// Runtime and in pure Go, with models for images in colour.
func TestGreyInference(t *testing.T) {
	const batch, side = 5, 9
	p := newGreyPair(t, batch, side)
	for _, input := range []string{onnxmodels.InputUint8NHWC, onnxmodels.InputFloat32NCHW} {
		for _, target := range []string{onnxmodels.TargetPortable, onnxmodels.TargetNative} {
			o := onnxmodels.InferenceOptions{Input: input, Target: target, Block: Block()}
			got := predicted(t, p.grey, p.greyState, o, p.greyImages)
			want := predicted(t, p.colour, p.colourState, o, p.colourImages)
			for i, logits := range got {
				if e := relativeRMS(float64s(logits), float64s(want[0])); len(logits) != 10*batch || !(e < 1e-5) {
					t.Errorf("%s for %s, runtime %d: logits differ by %v", input, target, i, e)
				}
			}
		}
	}
}

// predicted returns the logits of ONNX Runtime, and those of pure Go if it can run the target.
func predicted(t *testing.T, n *onnxmodels.Network, c *checkpoint.Checkpoint, o onnxmodels.InferenceOptions, images []uint8) (all [][]float32) {
	t.Helper()
	m, err := n.Inference(c, o)
	if err != nil {
		t.Fatal(err)
	}
	data, err := modelfile.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	native, err := NewModel(data, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer native.Close()
	logits, _, err := native.Predict(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, logits)
	if o.Target != onnxmodels.TargetPortable {
		return all
	}
	own, err := interp.New(data)
	if err != nil {
		t.Fatal(err)
	}
	if own.Channels() != n.Channels() {
		t.Errorf("pure Go reads %d channels, want %d", own.Channels(), n.Channels())
	}
	if logits, _, err = own.Predict(t.Context(), images); err != nil {
		t.Fatal(err)
	}
	return append(all, logits)
}
