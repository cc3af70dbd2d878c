package op

// strided returns a tensor of the shape, copied from x. Its first element is that of x at offset
// first, and a step along its dimension i advances by steps[i] elements of x.
func strided(x *Tensor, shape, steps []int, first int) (*Tensor, error) {
	y, err := newTensor(x.Elem, shape...)
	if err != nil {
		return nil, err
	}
	walk(shape, steps, steps, func(to, n, offset, _, step, _ int) {
		from := first + offset
		copyRow(y.Floats, x.Floats, to, n, from, step)
		copyRow(y.Doubles, x.Doubles, to, n, from, step)
		copyRow(y.Ints, x.Ints, to, n, from, step)
	})
	return y, nil
}

// copyRow copies n elements of x, from offset from on and step apart, to y[to:to+n]. It does
// nothing if the tensors are not of type T, in which case both are empty.
func copyRow[T any](y, x []T, to, n, from, step int) {
	if len(y) == 0 {
		return
	}
	row := y[to : to+n]
	if step == 1 {
		copy(row, x[from:])
		return
	}
	for k := range row {
		row[k] = x[from+k*step]
	}
}
