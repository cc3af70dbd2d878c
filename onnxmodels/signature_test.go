package onnxmodels

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/artifact"
	"onnxlab/onnxmodels/modelfile"
)

// TestSignatureOf reads back what Inference wrote.
func TestSignatureOf(t *testing.T) {
	for _, test := range []struct {
		channels int
		options  InferenceOptions
		want     Signature
	}{
		{
			0,
			InferenceOptions{Classes: []string{"a", "b"}},
			Signature{Input: InputUint8NHWC, Height: 4, Width: 6, Classes: []string{"a", "b"}, Precision: PrecisionFloat32, Resize: ResizeFill, Channels: 3, Loss: artifact.LossCrossEntropy},
		},
		{
			1,
			InferenceOptions{Classes: []string{"a", "b"}},
			Signature{Input: InputUint8NHWC, Height: 4, Width: 6, Channels: 1, Classes: []string{"a", "b"}, Precision: PrecisionFloat32, Resize: ResizeFill, Loss: artifact.LossCrossEntropy},
		},
		{
			1,
			InferenceOptions{Input: InputFloat32NCHW},
			Signature{Input: InputFloat32NCHW, Height: 4, Width: 6, Channels: 1, Classes: []string{"0", "1"}, Unnamed: true, Precision: PrecisionFloat32, Resize: ResizeFill, Loss: artifact.LossCrossEntropy},
		},
		{
			3,
			InferenceOptions{Input: InputFloat32NCHW, KeepBatchNorm: true, Precision: PrecisionFloat16},
			Signature{Input: InputFloat32NCHW, Height: 4, Width: 6, Classes: []string{"0", "1"}, Unnamed: true, Precision: PrecisionFloat16, Resize: ResizeFill, Channels: 3, Loss: artifact.LossCrossEntropy},
		},
	} {
		n, err := CNN(CNNOptions{Height: 4, Width: 6, Channels: test.channels, Widths: []int{2}, Convolutions: 1, Classes: 2})
		if err != nil {
			t.Fatal(err)
		}
		m, err := n.Inference(n.Initialize(1), test.options)
		if err != nil {
			t.Fatal(err)
		}
		got, err := SignatureOf(m)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%+v, want %+v", got, test.want)
		}
	}
}

// TestSignatureOfNamesFaults has models that are not classifiers, and bad
// metadata.
func TestSignatureOfNamesFaults(t *testing.T) {
	property := func(m *modelfile.Model, key, value string) {
		for _, p := range m.MetadataProps {
			if p.GetKey() == key {
				p.Value = proto.String(value)
			}
		}
	}
	for want, damage := range map[string]func(m *modelfile.Model){
		`no input "image"`: func(m *modelfile.Model) { m.Graph.Input[0].Name = proto.String("picture") },
		`no input "image" of uint8`: func(m *modelfile.Model) { // either side alone may be that long
			for _, d := range m.Graph.Input[0].Type.GetTensorType().Shape.Dim[1:3] {
				d.Value = &onnxpb.TensorShape_Dimension_DimValue{DimValue: maxSide}
			}
		},
		`no output "probabilities"`:   func(m *modelfile.Model) { m.Graph.Output = m.Graph.Output[:1] },
		`names of 2 classes: "[\"a\"`: func(m *modelfile.Model) { property(m, MetadataClasses, `["a"]`) },
		`names of 2 classes: "a, b"`:  func(m *modelfile.Model) { property(m, MetadataClasses, "a, b") },
		`"stretch" is neither`:        func(m *modelfile.Model) { property(m, MetadataResize, "stretch") },
	} {
		m := exampleModel(t)
		damage(m)
		if _, err := SignatureOf(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestPrecisionsThatAreNotPossible: the errors say which precisions and inputs are
// possible.
func TestPrecisionsThatAreNotPossible(t *testing.T) {
	n := mustCNN(t, 8, []int{2}, 1, 3)
	for want, o := range map[string]InferenceOptions{
		`input "uint8-nchw" is neither "uint8-nhwc" nor "float32-nchw"`: {Input: "uint8-nchw"},
		`precision "int4" is none of float32, float16 and int8`:         {Precision: "int4"},
		"int8 models fold BatchNorm into convolutions":                  {Precision: PrecisionInt8, KeepBatchNorm: true},
		`target "native" has no precision float16`:                      {Precision: PrecisionFloat16, Target: TargetNative},
		`the range of "stage1.relu1.out" is not known`:                  {Precision: PrecisionInt8},
		"2 class names for 3 classes":                                   {Classes: []string{"a", "b"}},
	} {
		if _, err := n.Inference(n.Initialize(1), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestRanges widens a range by each list of numbers. Once a number is NaN, so is the
// range.
func TestRanges(t *testing.T) {
	r := Ranges{}
	for _, values := range [][]float32{{1, 2}, nil, {-3, 0}, {5}} {
		r.Observe("a", values)
	}
	r.Observe("empty", nil)
	if want := (Ranges{"a": {Min: -3, Max: 5}}); !reflect.DeepEqual(r, want) {
		t.Errorf("%v, want %v", r, want)
	}
	r.Observe("a", []float32{0, float32(math.NaN())})
	if a := r["a"]; a.Min == a.Min || a.Max == a.Max {
		t.Errorf("%v, want NaN at both ends", a)
	}
}

// TestPlanesOfGrey: images of one channel are planes already.
func TestPlanesOfGrey(t *testing.T) {
	if got := Planes([]uint8{0, 51, 255}, 1, 3, 1); !slices.Equal(got, []float32{0, 0.2, 1}) {
		t.Errorf("got %v", got)
	}
	if _, err := newNetwork(4, 4, 2, nil); err == nil || !strings.Contains(err.Error(), "images of 2 channels, want 3, or 1 for grey ones") {
		t.Errorf("error %v", err)
	}
	n, err := NewGreyNetwork(4, 4, Flatten("flat"), Dense("dense", 2))
	if err != nil || n.Channels() != 1 || !slices.Equal(n.Parameters()[0].Shape, []int{16, 2}) {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestPlanes(t *testing.T) {
	got := Planes([]uint8{0, 51, 102, 153, 204, 255, 255, 0, 0, 0, 255, 0}, 1, 2, 3)
	want := []float32{0, 0.6, 0.2, 0.8, 0.4, 1, 1, 0, 0, 1, 0, 0}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("planes %v, want %v", got, want)
	}
}

func exampleModel(t testing.TB) *modelfile.Model {
	n, err := CNN(CNNOptions{Height: 4, Width: 4, Widths: []int{2}, Convolutions: 1, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	m, err := n.Inference(n.Initialize(1), InferenceOptions{Classes: []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
