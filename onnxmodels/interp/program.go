package interp

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/importer"
	"onnxlab/onnxmodels/modelfile"
	"onnxlab/onnxmodels/op"
)

// Program is an ONNX model that is ready to run: any model whose operators package op supports.
// It does not change, so any number of goroutines may use it.
type Program struct {
	names     []string
	constants []*op.Tensor // indexed by value; nil if the value is not constant
	steps     []step
	inputs    []*graph.Value
	ids       map[string]int // indices of the inputs and outputs, by name
	outputs   []string
}

// Compile turns a model into a program.
func Compile(m *modelfile.Model) (*Program, error) {
	g, err := importer.Canonical(m)
	if err != nil {
		return nil, err
	}
	b, err := decode(g)
	if err != nil {
		return nil, fmt.Errorf("decode with onnx-go: %w", err)
	}
	p := &Program{steps: b.steps, inputs: g.Inputs, ids: map[string]int{}}
	for _, out := range g.Outputs {
		p.outputs = append(p.outputs, out.Name)
	}
	return p, p.link(b.values, g)
}

// link finds the constants, the inputs and the outputs among the values, checks that every value
// is computed before it is used, and finds the last use of each.
func (p *Program) link(values []*node, g *graph.Graph) error {
	constants := map[string]*graph.Value{}
	for _, c := range g.Constants {
		constants[c.Name] = c
	}
	byName := map[string]int{}
	known := make([]bool, len(values))
	for i, v := range values {
		t, err := v.constant()
		if c := constants[v.name]; c != nil && t == nil {
			t = op.TensorOf(c) // onnx-go does not read constants of this type
		}
		if err != nil {
			return err
		}
		p.names, p.constants = append(p.names, v.name), append(p.constants, t)
		byName[v.name], known[i] = i, t != nil
	}
	for _, in := range p.inputs {
		id, used := byName[in.Name]
		if !used {
			continue
		}
		p.ids[in.Name], known[id] = id, true
	}
	for i := range p.steps {
		s := &p.steps[i]
		for i, id := range s.inputs {
			if id != absent && !known[id] {
				return s.failed(fmt.Errorf("input %d, %q, is not computed by any node", i, p.names[id]))
			}
		}
		for _, id := range s.outputs {
			if id != absent {
				known[id] = true
			}
		}
	}
	for _, name := range p.outputs {
		id, ok := byName[name]
		if !ok || !known[id] {
			return fmt.Errorf("output %q is not computed by any node", name)
		}
		p.ids[name] = id
	}
	p.findLast(len(values))
	return nil
}

// findLast records for each step which of its inputs no later step needs.
func (p *Program) findLast(values int) {
	needed := make([]bool, values)
	for _, id := range p.ids {
		needed[id] = true
	}
	for i := len(p.steps) - 1; i >= 0; i-- {
		s := &p.steps[i]
		for _, id := range s.inputs {
			if id != absent && !needed[id] && p.constants[id] == nil {
				s.last = append(s.last, id)
				needed[id] = true
			}
		}
	}
}

// Inputs returns the names, types and shapes of the program's inputs.
func (p *Program) Inputs() []Value {
	list := make([]Value, len(p.inputs))
	for i, in := range p.inputs {
		list[i] = Value{in.Name, &op.Tensor{Elem: in.Elem, Shape: in.Shape.Sizes()}}
	}
	return list
}

// Run computes the outputs, in the order of the model.
func (p *Program) Run(inputs map[string]*op.Tensor) ([]*op.Tensor, error) {
	values, err := p.run(inputs, false)
	if err != nil {
		return nil, fmt.Errorf("run model: %w", err)
	}
	outputs := make([]*op.Tensor, len(p.outputs))
	for i, name := range p.outputs {
		outputs[i] = values[p.ids[name]]
	}
	return outputs, nil
}

// Values runs the program and returns the outputs of all nodes, in the order of the graph.
func (p *Program) Values(inputs map[string]*op.Tensor) ([]*Value, error) {
	values, err := p.run(inputs, true)
	if err != nil {
		return nil, fmt.Errorf("run model: %w", err)
	}
	var list []*Value
	for _, s := range p.steps {
		for _, id := range s.outputs {
			if id != absent {
				list = append(list, &Value{p.names[id], values[id]})
			}
		}
	}
	return list, nil
}

// run computes the values. It drops each after its last use unless keep is true.
func (p *Program) run(inputs map[string]*op.Tensor, keep bool) (values []*op.Tensor, err error) {
	defer op.Recovered(&err)
	values = append(values, p.constants...)
	for _, in := range p.inputs {
		t := inputs[in.Name]
		if err := checkInput(in, t); err != nil {
			return nil, err
		}
		if id, used := p.ids[in.Name]; used {
			values[id] = t
		}
	}
	for i := range p.steps {
		s := &p.steps[i]
		if err := s.do(values); err != nil {
			return nil, err
		}
		if keep {
			continue
		}
		for _, id := range s.last {
			values[id] = nil
		}
	}
	return values, nil
}

// checkInput checks a tensor's type and shape against those of the input. A symbolic
// dimension may have any size.
func checkInput(in *graph.Value, t *op.Tensor) error {
	if t == nil {
		return fmt.Errorf("input %q is missing", in.Name)
	}
	fits := t.Elem == in.Elem && len(t.Shape) == len(in.Shape)
	for i := range in.Shape {
		fits = fits && (in.Shape[i].Symbol != "" || int64(t.Shape[i]) == in.Shape[i].Size)
	}
	if !fits {
		return fmt.Errorf("input %q is %s, want %s%s", in.Name, t, in.Elem, in.Shape)
	}
	return nil
}
