package verify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/interp"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// Given is a given model as it is in its file: its input takes images in any layout and has any
// name. It runs on noise, because what images the model expects is not known.
type Given struct {
	// Input is the name of the input of images. Output is the name of the first output,
	// which is compared.
	Input, Output string
	program       *interp.Program
	image         interp.Value // the input for one image, without elements
	open          bool         // the model takes any number of images at once
}

// NewGiven prepares a model. If the model leaves the size of images open, height and width are that
// size; if they are 0, the error is importer.ErrOpenSize.
func NewGiven(m *modelfile.Model, height, width int) (*Given, error) {
	in, err := importer.ImageInput(m)
	if err != nil {
		return nil, err
	}
	g := &Given{Input: in.GetName()}
	if len(m.GetGraph().GetOutput()) == 0 {
		return nil, errors.New("it has no output")
	}
	g.Output = m.GetGraph().GetOutput()[0].GetName()
	height, width, open, err := importer.SizeFor(m, height, width)
	if err != nil {
		return nil, err
	}
	if open {
		m = proto.CloneOf(m)
		if err := importer.SetImageSize(m, height, width); err != nil {
			return nil, err
		}
	}
	if g.program, err = interp.Compile(m); err != nil {
		return nil, err
	}
	for _, v := range g.program.Inputs() {
		if v.Name == g.Input {
			g.image = v
		}
	}
	return g, g.setImageShape(in, height, width)
}

// setImageShape checks the input and sets the shape of one image.
func (g *Given) setImageShape(in *onnxpb.ValueInfo, height, width int) error {
	if most := importer.MaxSide; height > most || width > most {
		return fmt.Errorf("its input %q takes images of %dx%d, more than %d pixels a side", g.Input, height, width, most)
	}
	if g.image.Elem != graph.Float && g.image.Elem != graph.Uint8 {
		return fmt.Errorf("its input %q is %s, want float32 or uint8", g.Input, g.image.Elem)
	}
	first := in.GetType().GetTensorType().GetShape().GetDim()[0]
	g.open = first.GetDimValue() == 0
	second, last := g.image.Shape[1], g.image.Shape[3]
	shape := []int{1, second, height, width}
	if importer.ChannelsLast(int64(second), int64(last)) {
		shape = []int{1, height, width, last}
	}
	g.image.Tensor = &op.Tensor{Elem: g.image.Elem, Shape: shape}
	return nil
}

// Noise returns count random images, of numbers in -1..1 or of bytes, as the model's input takes
// them. The same seed gives the same images.
func (g *Given) Noise(seed uint64, count int) *interp.Value {
	random := rand.New(rand.NewPCG(seed, 0))
	t := &op.Tensor{Elem: g.image.Elem, Shape: slices.Clone(g.image.Shape)}
	t.Shape[0] = count
	for range count * g.image.Shape[1] * g.image.Shape[2] * g.image.Shape[3] {
		if t.Elem == graph.Uint8 {
			t.Ints = append(t.Ints, random.Int64N(256))
		} else {
			t.Floats = append(t.Floats, 2*random.Float32()-1)
		}
	}
	return &interp.Value{Name: g.Input, Tensor: t}
}

// Run runs the model in pure Go on count images of noise.
func (g *Given) Run(ctx context.Context, count int) (Outputs, error) {
	return g.RunWith(ctx, count, "pure Go", func(v *interp.Value) ([]float32, error) {
		outputs, err := g.program.Run(map[string]*op.Tensor{g.Input: v.Tensor})
		if err != nil {
			return nil, err
		}
		if outputs[0].Elem != graph.Float {
			return nil, fmt.Errorf("output %q is %s, want float32", g.Output, outputs[0].Elem)
		}
		return outputs[0].Floats, nil
	})
}

// RunWith runs the model on the same noise in another runtime: run returns its first output. If the
// model takes any number of images, all of them go through at once, since a model whose batch
// normalisation is in training mode normalises by the batch.
func (g *Given) RunWith(ctx context.Context, count int, name string, run func(*interp.Value) ([]float32, error)) (Outputs, error) {
	all := Outputs{Runtime: name}
	batch := 1
	if g.open {
		batch = count
	}
	for i := range count / batch {
		if err := ctx.Err(); err != nil {
			return all, err
		}
		logits, err := run(g.Noise(uint64(i), batch))
		if err != nil {
			return all, err
		}
		all.Classes = len(logits) / batch
		all.Logits = append(all.Logits, logits...)
		for row := range slices.Chunk(logits, all.Classes) {
			all.Probabilities = append(all.Probabilities, softmax(row)...)
		}
	}
	return all, nil
}

// softmax returns the probabilities of one image. It subtracts the largest logit, so that no
// exponential overflows.
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
