package verify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// Own is a classifier in a form of its own, which takes one input of images in any layout.
type Own struct {
	// Input and Output are the names of the images and of what is compared, the first output.
	Input, Output string
	program       *interp.Program
	image         interp.Value
}

// NewOwn reads a model. Height and width count where it leaves the size of images open.
func NewOwn(m *modelfile.Model, height, width int) (*Own, error) {
	in, err := importer.ImageInput(m)
	if err != nil {
		return nil, err
	}
	o := &Own{Input: in.GetName()}
	if len(m.GetGraph().GetOutput()) == 0 {
		return nil, errors.New("it has no output")
	}
	o.Output = m.GetGraph().GetOutput()[0].GetName()
	if o.program, err = interp.Compile(m); err != nil {
		return nil, err
	}
	for _, v := range o.program.Inputs() {
		if v.Name == o.Input {
			o.image = v
		}
	}
	return o, o.settle(m, height, width)
}

// settle makes the shape of one image of the input's.
func (o *Own) settle(m *modelfile.Model, height, width int) error {
	if h, w, err := importer.ImageSize(m); err != nil {
		return err
	} else if h*w > 0 {
		height, width = h, w
	}
	if height*width == 0 {
		return ErrOpenSize
	}
	if o.image.Elem != graph.Float && o.image.Elem != graph.Uint8 {
		return fmt.Errorf("its input %q is of %s, where float32 or uint8 is supported", o.Input, o.image.Elem)
	}
	shape := []int{1, o.image.Shape[1], height, width}
	if last := o.image.Shape[3]; (last == 1 || last == 3) && shape[1] != 1 && shape[1] != 3 {
		shape = []int{1, height, width, last}
	}
	o.image.Tensor = &op.Tensor{Elem: o.image.Elem, Shape: shape}
	return nil
}

// ErrOpenSize is the error of a model that takes images of any size, where none is given.
var ErrOpenSize = errors.New("it takes images of any size, and none is given")

// Noise returns an image of random values, of -1..1 or of bytes, which the seed keys.
func (o *Own) Noise(seed uint64) *interp.Value {
	random := rand.New(rand.NewPCG(seed, 0))
	t := &op.Tensor{Elem: o.image.Elem, Shape: o.image.Shape}
	for range o.image.Shape[1] * o.image.Shape[2] * o.image.Shape[3] {
		if t.Elem == graph.Uint8 {
			t.Ints = append(t.Ints, random.Int64N(256))
		} else {
			t.Floats = append(t.Floats, 2*random.Float32()-1)
		}
	}
	return &interp.Value{Name: o.Input, Tensor: t}
}

// Run runs the model in pure Go on noise of the seeds from 0 on.
func (o *Own) Run(ctx context.Context, count int) (Outputs, error) {
	return o.RunWith(ctx, count, "pure Go", func(v *interp.Value) ([]float32, error) {
		outputs, err := o.program.Run(map[string]*op.Tensor{o.Input: v.Tensor})
		if err != nil {
			return nil, err
		}
		if outputs[0].Elem != graph.Float {
			return nil, fmt.Errorf("output %q is of %s, where float32 is supported", o.Output, outputs[0].Elem)
		}
		return outputs[0].Floats, nil
	})
}

// RunWith runs the model on the same noise in a runtime of the name, which gives the first
// output for an image.
func (o *Own) RunWith(ctx context.Context, count int, name string, run func(*interp.Value) ([]float32, error)) (Outputs, error) {
	all := Outputs{Runtime: name}
	for i := range count {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		logits, err := run(o.Noise(uint64(i)))
		if err != nil {
			return all, err
		}
		all.Classes = len(logits)
		all.Logits = append(all.Logits, logits...)
		all.Probabilities = append(all.Probabilities, softmax(logits)...)
	}
	return all, nil
}

func softmax(logits []float32) []float32 {
	largest, sum := math.Inf(-1), 0.0
	for _, v := range logits {
		largest = max(largest, float64(v))
	}
	p := make([]float32, len(logits))
	for _, v := range logits {
		sum += math.Exp(float64(v) - largest)
	}
	for i, v := range logits {
		p[i] = float32(math.Exp(float64(v)-largest) / sum)
	}
	return p
}
