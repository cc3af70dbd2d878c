package importer

import (
	"fmt"

	"onnxlab/onnxmodels/graph"
	"onnxlab/onnxmodels/op"
)

// SetParameters writes new values of the parameters into the model's file, in the element
// types that the file uses. Everything else stays as it was.
func (c *Model) SetParameters(values func(name string) ([]float32, error)) error {
	for _, p := range c.Parameters {
		list, err := values(p.Name)
		if err != nil {
			return err
		}
		elem := graph.Elem(p.Tensor.GetDataType())
		shape := p.Value.Shape.Sizes()
		if n, _ := p.Value.Shape.Elements(); n != len(list) {
			return fmt.Errorf("parameter %q: got %d numbers for the shape %v", p.Name, len(list), shape)
		}
		t, err := op.Converted(&op.Tensor{Elem: graph.Float, Shape: shape, Floats: list}, elem)
		if err != nil {
			return fmt.Errorf("parameter %q: %w", p.Name, err)
		}
		setData(p.Tensor, t.Bytes())
	}
	return nil
}
