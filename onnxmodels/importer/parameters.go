package importer

import (
	"slices"
	"strings"

	"onnxlab/internal/onnxpb"
	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// Kind says how training changes a parameter.
type Kind int

// The kinds of parameters.
const (
	// Weight is a parameter that the optimizer changes.
	Weight Kind = iota
	// Statistic is a running mean or variance of BatchNormalization, which follows the
	// statistics of the batches.
	Statistic
)

// Parameter is a tensor of the file that training may change.
type Parameter struct {
	// Name is the name of the initializer, or of the output of the node Constant.
	Name string
	Kind Kind
	// Value is the graph input for the parameter; nil if the graph does not use it.
	Value *graph.Value
	// Tensor is the tensor of the file.
	Tensor *onnxpb.Tensor
}

// Floats returns the parameter's elements in the file, as float32.
func (p Parameter) Floats() []float32 {
	elem, sizes, data, err := Contents(p.Tensor)
	if err != nil {
		return nil // Read has reported it
	}
	t, err := op.Converted(op.FromBytes(elem, sizes, data), graph.Float)
	if err != nil {
		return nil
	}
	return t.Floats
}

// Parameters returns the tensors of a classifier's file that training may change. It returns nil
// for models that do not take images alone. Read drops those that the logits do not depend on.
func Parameters(m *modelfile.Model) []Parameter {
	image, err := ImageInput(m)
	if err != nil {
		return nil
	}
	return newReader(m).findParameters(image.GetName())
}

// findParameters returns the tensors of the file that are parameters, in the order of their
// first use.
//
// A file does not say which tensors were learned. These count as parameters:
//   - initializers and constants that are weights or biases of convolutions, matrix products or
//     normalisations;
//   - other initializers of more than one element that are added, multiplied or moved, such as
//     embeddings, class tokens and layer scales, unless they only prepare the image; in models of
//     PyTorch, single elements, too, if they have the name of a parameter;
//   - constants of more than one element that are added to the result of a convolution or matrix
//     product, as the biases in PaddlePaddle's models are.
//
// Exporters write group normalisation as InstanceNormalization of reshaped images, and standardised
// weights as BatchNormalization with computed statistics, with scales of 1 and biases of 0; what the
// network learned comes behind it. These do not count.
func (r *reader) findParameters(image string) []Parameter {
	tensors := r.floatTensors()
	plain := map[string]bool{image: true} // values that depend only on the image and constants
	products := map[string]bool{}         // results of convolutions and matrix products with a learned weight
	reshaped := map[string]bool{}         // results of Reshape
	statistics := readAsStatistics(r.model.GetGraph(), renames)
	kept := map[string]bool{} // names of tensors, also behind nodes that only rename them
	for name := range tensors {
		kept[name] = true
	}
	var list []Parameter
	found := map[string]int{}
	for _, n := range r.model.GetGraph().GetNode() {
		variant, err := op.Resolve(n.GetDomain(), n.GetOpType(), r.opsets[""])
		if err != nil {
			continue // read reports it
		}
		prepares := preparing[n.GetOpType()] && anyIn(plain, n.GetInput())
		for i, in := range n.GetInput() {
			t, ok := tensors[in]
			if !ok {
				continue
			}
			operand := variant.Takes[min(i, len(variant.Takes)-1)]
			mayBeLearned := (count(t.tensor) > 1 || r.isState(in)) && (i == 0 || pairwise[n.GetOpType()])
			biases := n.GetOpType() == "Add" && anyIn(products, n.GetInput())
			if onlyNormalises(n, reshaped, kept) && isNeutral(operand, t.tensor) {
				continue
			}
			if !operand.Learned && (t.constant && !biases || !mayBeLearned || prepares) {
				continue
			}
			kind := Weight
			if isStatistic(n, i) || renames[n.GetOpType()] && statistics[first(n.GetOutput())] {
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
			if n.GetOpType() == "Reshape" {
				reshaped[out] = true
			}
			if renames[n.GetOpType()] && kept[first(n.GetInput())] {
				kept[out] = true
			}
			if weighs[n.GetOpType()] && anyIn(found, n.GetInput()) {
				products[out] = true
			}
		}
	}
	return list
}

// isState reports whether an initializer is part of the state of a PyTorch model, by its name: a path
// such as blocks.0.act.scale. The exporters' own constants are called val_7 or onnx::Mul_7.
func (r *reader) isState(name string) bool {
	return r.model.GetProducerName() == "pytorch" && strings.Contains(name, ".") && !strings.ContainsAny(name, ":/")
}

// onlyNormalises reports whether a normalisation has scales and biases only because its operator
// asks for them, if they are neutral.
func onlyNormalises(n *onnxpb.Node, reshaped, kept map[string]bool) bool {
	if n.GetOpType() == "InstanceNormalization" {
		return reshaped[n.GetInput()[0]]
	}
	for i, in := range n.GetInput() {
		if isStatistic(n, i) && !kept[in] {
			return true // it is computed
		}
	}
	return false
}

// renames lists the operators through which batch normalisations may read their running statistics.
var renames = names("Identity", "Cast")

// isStatistic reports whether input i of the node is the mean or the variance of a batch
// normalisation.
func isStatistic(n *onnxpb.Node, i int) bool { return n.GetOpType() == "BatchNormalization" && i >= 3 }

// readAsStatistics returns the names that batch normalisations read as mean or variance, directly or
// through nodes of these operators.
func readAsStatistics(g *onnxpb.Graph, through map[string]bool) map[string]bool {
	read := map[string]bool{}
	for _, n := range slices.Backward(g.GetNode()) { // readers come behind what they read
		for i, in := range n.GetInput() {
			if isStatistic(n, i) || through[n.GetOpType()] && read[first(n.GetOutput())] {
				read[in] = true
			}
		}
	}
	return read
}

// isNeutral reports whether an operand is all scales of a normalisation, which are 1, or all biases,
// which are 0.
func isNeutral(operand graph.Operand, t *onnxpb.Tensor) bool {
	neutral, known := map[string]float32{"scale": 1, "B": 0}[operand.Name]
	if !known {
		return false
	}
	return !slices.ContainsFunc(Parameter{Tensor: t}.Floats(), func(f float32) bool { return f != neutral })
}

// anyIn reports whether the map has any of the names as a key.
func anyIn[T any](m map[string]T, list []string) bool {
	return slices.ContainsFunc(list, func(name string) bool { _, ok := m[name]; return ok })
}

// preparing lists the operators with which models prepare images. Their other operands are not
// learned.
var preparing = names("Cast", "Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Slice", "Gather", "Concat", "Pad",
	"Resize", "Upsample", "Add", "Sub", "Mul", "Div", "Split")

// weighs lists the operators to whose result a bias may be added.
var weighs = names("Conv", "ConvTranspose", "MatMul")

// pairwise lists the operators whose inputs all have the same role.
var pairwise = names("Add", "Sub", "Mul", "Div", "Sum", "Mean", "Max", "Min", "Where", "Concat")

func names(list ...string) map[string]bool {
	set := map[string]bool{}
	for _, name := range list {
		set[name] = true
	}
	return set
}

// floatTensor is a tensor of floating-point numbers in the file.
type floatTensor struct {
	tensor   *onnxpb.Tensor
	constant bool // it belongs to a node Constant, else it is an initializer
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
