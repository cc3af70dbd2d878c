package importer

import (
	"slices"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// Kind is what a parameter is to training.
type Kind int

// The kinds of parameters.
const (
	// Weight is one that an optimizer changes.
	Weight Kind = iota
	// Statistic is a running mean or variance of BatchNormalization.
	Statistic
)

// Parameter is a tensor of the file that training may change.
type Parameter struct {
	// Name is that of the initializer, or of the output of the node Constant.
	Name string
	Kind Kind
	// Value is the input of the graph that stands for it, nil if the graph does not use it.
	Value *graph.Value
	// Tensor is what the file has.
	Tensor *onnxpb.Tensor
}

// Floats returns the elements that the file has, as float32.
func (p Parameter) Floats() []float32 {
	elem, sizes, data, err := Contents(p.Tensor)
	if err != nil {
		return nil // reading the model has told
	}
	t, err := op.Converted(op.FromBytes(elem, sizes, data), graph.Float)
	if err != nil {
		return nil
	}
	return t.Floats
}

// findParameters tells which tensors of the file are parameters, in the order in which they
// are used first.
//
// A file does not say what was learned. Initializers and constants are taken for it where an
// operator has something to learn: the weights and biases of convolutions, matrix products
// and normalisations. Other initializers of more than one element are taken for it where
// they are added, multiplied or moved, as embeddings, class tokens and scales of layers are,
// but not where they only prepare the image. Constants of more than one element are taken for
// it where they are added to a convolution or matrix product, as the biases in PaddlePaddle's
// models are.
func (r *reader) findParameters(image string) []Parameter {
	tensors := r.floatTensors()
	plain := map[string]bool{image: true} // what is made of the image and constants alone
	products := map[string]bool{}         // what is made with a learned weight, and may have a bias
	var list []Parameter
	found := map[string]int{}
	for _, n := range r.model.GetGraph().GetNode() {
		form, err := op.Resolve(n.GetDomain(), n.GetOpType(), r.opsets[""])
		if err != nil {
			continue // read tells
		}
		prepares := preparing[n.GetOpType()] && anyIn(plain, n.GetInput())
		for i, in := range n.GetInput() {
			t, ok := tensors[in]
			if !ok {
				continue
			}
			operand := form.Takes[min(i, len(form.Takes)-1)]
			several := count(t.tensor) > 1 && (i == 0 || pairwise[n.GetOpType()])
			biases := n.GetOpType() == "Add" && anyIn(products, n.GetInput())
			if !operand.Learned && (t.constant && !biases || !several || prepares) {
				continue
			}
			kind := Weight
			if operand.Name == "input_mean" || operand.Name == "input_var" {
				kind = Statistic
			}
			at, known := found[in]
			if !known {
				at = len(list)
				found[in] = at
				list = append(list, Parameter{Name: in, Kind: kind, Tensor: t.tensor})
			}
			list[at].Kind = min(list[at].Kind, kind)
		}
		for _, out := range n.GetOutput() {
			if prepares {
				plain[out] = true
			}
			if weighs[n.GetOpType()] && anyIn(found, n.GetInput()) {
				products[out] = true
			}
		}
	}
	return list
}

// anyIn tells whether the map has one of the names.
func anyIn[T any](m map[string]T, list []string) bool {
	return slices.ContainsFunc(list, func(name string) bool { _, ok := m[name]; return ok })
}

// preparing are the operators by which models prepare images: what they take beside the
// image is not learned.
var preparing = names("Cast", "Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Slice", "Gather", "Concat", "Pad",
	"Resize", "Upsample", "Add", "Sub", "Mul", "Div", "Split")

// weighs are the operators whose result a bias is added to.
var weighs = names("Conv", "ConvTranspose", "MatMul")

// pairwise are the operators whose inputs are all alike.
var pairwise = names("Add", "Sub", "Mul", "Div", "Sum", "Mean", "Max", "Min", "Where", "Concat")

func names(list ...string) map[string]bool {
	set := map[string]bool{}
	for _, name := range list {
		set[name] = true
	}
	return set
}

// floatTensor is a tensor of floating point numbers.
type floatTensor struct {
	tensor   *onnxpb.Tensor
	constant bool // of a node Constant
}

func (r *reader) floatTensors() map[string]floatTensor {
	tensors := map[string]floatTensor{}
	for _, t := range r.model.GetGraph().GetInitializer() {
		if graph.Elem(t.GetDataType()).Floating() {
			tensors[t.GetName()] = floatTensor{t, false}
		}
	}
	for _, n := range r.model.GetGraph().GetNode() {
		if n.GetOpType() != "Constant" || len(n.GetOutput()) != 1 {
			continue
		}
		for _, a := range n.GetAttribute() {
			if t := a.GetT(); t != nil && graph.Elem(t.GetDataType()).Floating() {
				tensors[n.GetOutput()[0]] = floatTensor{t, true}
			}
		}
	}
	return tensors
}

func count(t *onnxpb.Tensor) int64 {
	n := int64(1)
	for _, d := range t.GetDims() {
		n *= d
	}
	return n
}
