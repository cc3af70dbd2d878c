//go:build cgo

package session

import (
	"errors"
	"fmt"
	"slices"

	ort "github.com/yalue/onnxruntime_go"

	"onnxlab/onnxmodels"
	"onnxlab/onnxmodels/checkpoint"
	"onnxlab/onnxmodels/modelfile"
)

// Gradient computes the loss of a network and its gradients at any parameters. It has its own
// session and changes no trainer. It is not safe for concurrent use.
type Gradient struct {
	thread  *thread
	session *ort.AdvancedSession
	model   *onnxmodels.Gradients

	// One of image and features is nil.
	image    *ort.Tensor[uint8]
	features *ort.Tensor[float32]
	label    *ort.Tensor[int64]
	second   *ort.Tensor[int64] // second and share are nil if no images are mixed
	share    *ort.Tensor[float32]
	seed     *ort.Tensor[int64] // nil without dropout
	loss     *ort.Scalar[float32]
	correct  *ort.Scalar[float32]

	trained, frozen []float32 // all parameters of each kind, one after another
	gradient        []float32 // in the order of trained
	inputs, outputs []ort.Value
	names           []string // of inputs
}

// NewGradient returns a session that computes the network's gradients for batches of
// model.Batch images, which must be at least 1.
func NewGradient(n *onnxmodels.Network, model *onnxmodels.Gradients, o Options) (_ *Gradient, err error) {
	if model.Batch < 1 {
		return nil, errors.New("start gradients: the model takes any number of images; make it for a fixed batch")
	}
	if model.MultiLabel {
		return nil, errors.New("start gradients: each label is one class, but the model takes a target for every class (TrainingOptions.MultiLabel)")
	}
	g := &Gradient{thread: o.newThread(), model: model}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start gradients: %w", err), g.Close())
		}
	}()
	if err := errors.Join(g.allocateImages(n), g.allocateParameters()); err != nil {
		return nil, err
	}
	data, err := modelfile.Marshal(model.Model)
	if err != nil {
		return nil, err
	}
	outputs := append([]string{onnxmodels.OutputLoss, onnxmodels.OutputCorrect}, model.Outputs...)
	return g, g.thread.do(func() error {
		return o.start(exhaustive, func(options *ort.SessionOptions) (err error) {
			if err := options.SetMemPattern(false); err != nil { // as in Trainer.start
				return err
			}
			g.session, err = ort.NewAdvancedSessionWithONNXData(data, g.names, outputs, g.inputs, g.outputs, options)
			return err
		})
	})
}

// allocateImages makes the inputs that differ from batch to batch, and the loss.
func (g *Gradient) allocateImages(n *onnxmodels.Network) (err error) {
	batch := int64(g.model.Batch)
	height, width := n.Size()
	if size := n.Features(); size > 0 {
		g.features, err = input(g, g.model.Image, make([]float32, batch*int64(size)), batch, int64(size))
	} else {
		g.image, err = input(g, g.model.Image, make([]uint8, int(batch)*height*width*n.Channels()), batch, int64(height), int64(width), int64(n.Channels()))
	}
	if err != nil {
		return err
	}
	if g.label, err = input(g, onnxmodels.InputLabel, make([]int64, batch), batch); err != nil {
		return err
	}
	if g.model.Mixes {
		if g.second, err = input(g, onnxmodels.InputSecondLabel, make([]int64, batch), batch); err != nil {
			return err
		}
		if g.share, err = input(g, onnxmodels.InputLabelShare, make([]float32, batch), batch); err != nil {
			return err
		}
	}
	if g.model.HasDropout {
		if g.seed, err = input(g, onnxmodels.InputDropoutSeed, make([]int64, 1), 1); err != nil {
			return err
		}
	}
	if g.loss, err = ort.NewEmptyScalar[float32](); err != nil {
		return err
	}
	g.outputs = append(g.outputs, g.loss)
	if g.correct, err = ort.NewEmptyScalar[float32](); err == nil {
		g.outputs = append(g.outputs, g.correct)
	}
	return err
}

// allocateParameters makes the inputs of parameters and the outputs of gradients. They are
// parts of long vectors, so that all parameters can be moved in one direction at once.
func (g *Gradient) allocateParameters() error {
	for _, p := range g.model.Parameters {
		if n := size(p.Shape); p.Trainable {
			g.trained = append(g.trained, make([]float32, n)...)
		} else {
			g.frozen = append(g.frozen, make([]float32, n)...)
		}
	}
	g.gradient = make([]float32, len(g.trained))
	trained, frozen, gradient := g.trained, g.frozen, g.gradient
	for _, p := range g.model.Parameters {
		from, shape := &frozen, ort.NewShape(sizes(p.Shape)...)
		if p.Trainable {
			from = &trained
			v, err := ort.NewTensor(shape, cutOff(&gradient, size(p.Shape)))
			if err != nil {
				return err
			}
			g.outputs = append(g.outputs, v)
		}
		if _, err := input(g, p.Name, cutOff(from, size(p.Shape)), shape...); err != nil {
			return err
		}
	}
	return nil
}

// input adds an input whose memory is data.
func input[T ort.TensorData](g *Gradient, name string, data []T, shape ...int64) (*ort.Tensor[T], error) {
	v, err := ort.NewTensor(ort.NewShape(shape...), data)
	if err != nil {
		return nil, err
	}
	g.names, g.inputs = append(g.names, name), append(g.inputs, v)
	return v, nil
}

// cutOff removes the first n elements from the list and returns them.
func cutOff(list *[]float32, n int) []float32 {
	first := (*list)[:n:n]
	*list = (*list)[n:]
	return first
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func sizes(shape []int) []int64 {
	list := make([]int64, len(shape))
	for i, d := range shape {
		list[i] = int64(d)
	}
	return list
}

// Load sets all parameters to those of a checkpoint of the network.
func (g *Gradient) Load(c *checkpoint.Checkpoint) error {
	trained, frozen := g.trained, g.frozen
	for _, p := range g.model.Parameters {
		t := c.Parameter(p.Name)
		if t == nil || !slices.Equal(t.Shape, p.Shape) {
			return fmt.Errorf("load parameters: the checkpoint has no %q of shape %v: it is of another network", p.Name, p.Shape)
		}
		to := &frozen
		if p.Trainable {
			to = &trained
		}
		copy(cutOff(to, len(t.Data)), t.Data)
	}
	return nil
}

// Parameters returns the trainable parameters, one after another in the order of
// Gradients.Parameters. They are the memory that Run reads: change them to compute gradients
// at another point.
func (g *Gradient) Parameters() []float32 { return g.trained }

// Batch returns the memory that Run reads: the images of a batch [batch, height, width,
// channels], or else its features [batch, features], and the labels [batch]. second and shares
// [batch] are the labels of the images that are mixed in, and the weights, 0..1, of labels in the
// loss. They are nil if the model does not mix images.
func (g *Gradient) Batch() (images []uint8, features []float32, labels, second []int64, shares []float32) {
	if g.image != nil {
		images = g.image.GetData()
	} else {
		features = g.features.GetData()
	}
	if g.second != nil {
		second, shares = g.second.GetData(), g.share.GetData()
	}
	return images, features, g.label.GetData(), second, shares
}

// Run returns the mean loss of the batch and its gradient with respect to Parameters, in the same
// order. The gradient is valid until the next Run. dropoutSeed seeds the dropout of networks that have it.
func (g *Gradient) Run(dropoutSeed uint64) (loss float64, gradient []float32, err error) {
	if g.session == nil {
		return 0, nil, fmt.Errorf("gradient: %w", errClosed)
	}
	if g.seed != nil {
		g.seed.GetData()[0] = int64(dropoutSeed % (1<<31 - 1))
	}
	if err := g.thread.do(g.session.Run); err != nil {
		return 0, nil, fmt.Errorf("gradient: %w", err)
	}
	return float64(g.loss.GetData()), g.gradient, nil
}

// Close frees the session. It may be called again.
func (g *Gradient) Close() (err error) {
	if g.session != nil {
		err = g.thread.do(g.session.Destroy)
	}
	g.thread.close()
	for _, v := range append(g.inputs, g.outputs...) {
		err = errors.Join(err, v.Destroy())
	}
	*g = Gradient{}
	return err
}
